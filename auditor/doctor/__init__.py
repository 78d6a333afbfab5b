"""The doctor: would an audit be complete, and if not, what has to be done first?"""
