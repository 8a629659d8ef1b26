"""From notebooks to files: strict parameters, papermill in this interpreter, one HTML file each."""
