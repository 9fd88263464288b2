"""Load on served applications: made, measured, and plotted; what spills over, and what fails when something dies."""
