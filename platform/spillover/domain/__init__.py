"""The words of Spillover as frozen values. Standard library only."""
