"""One lowering a file: from a form to a program, with the obligation that the program denotes the form."""
