"""Tests of the room that plans fixes."""
