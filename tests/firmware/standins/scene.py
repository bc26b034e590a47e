# SPDX-License-Identifier: MIT
#
# What stands before the camera. The tests know these numbers.

FACES = ((40, 30, 20, 20), (100, 60, 64, 72))
QR_TEXTS = ("small", 'the "largest" \\ code\n')
MATRIX_TEXT = "matrix"
BARCODE_TEXT = "0123456789"
TAG = {"id": 7, "cx": 80, "cy": 60, "rotation": 1.5707964}
BLOB = {"cx": 200, "cy": 90}
# The thresholds that find the blob; any others find nothing.
BLOB_THRESHOLDS = (30, 100, 15, 127, 15, 127)
