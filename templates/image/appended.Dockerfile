$appended: a clean checkout installs it together with what stands above.
