"""Every check of the doctor: its state, its exit code, and advice that leads on."""
