"""Accepts work, moves it one step at a time, raises and folds pools."""
