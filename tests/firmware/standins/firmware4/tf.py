# SPDX-License-Identifier: MIT
#
# The models of firmware 4.x: one that sees whether a person is in the scene.

import image
import scene


class _Class:
    def __init__(self, scores):
        self._scores = scores

    def output(self):
        return self._scores


def load_builtin_model(name):
    if name != "person_detection" or not scene.MODEL:
        raise ValueError("Could not find model: " + name)
    return ["unsure", "person", "no_person"], name


def classify(model, picture, *, min_scale=1.0, scale_mul=0.5, x_overlap=0, y_overlap=0):
    if model != "person_detection" or not isinstance(picture, image.Image):
        raise TypeError
    return [_Class([0.0, 0.9, 0.1] if scene.PERSON else [0.0, 0.2, 0.8])]
