# SPDX-License-Identifier: MIT
#
# A model that sees a person whenever there is a face in the scene.

import scene


class _Tensor:
    def __init__(self, values):
        self._values = values

    def flatten(self):
        return self

    def tolist(self):
        return self._values


class Model:
    def __init__(self, path):
        if path != "/rom/person_detect.tflite":
            raise OSError(2)
        self.labels = ["no_person", "person"]

    def predict(self, inputs):
        if not isinstance(inputs, list) or len(inputs) != 1:
            raise ValueError("one input expected")
        return [_Tensor([0.1, 0.9] if scene.FACES else [0.9, 0.1])]
