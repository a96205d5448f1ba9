"""Other tools' formats, one file each; each tool is imported when it is used."""
