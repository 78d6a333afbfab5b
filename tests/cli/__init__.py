"""What each command says, stores and ends with, and above all what opens and shuts the gate."""
