"""Layers and activations: mappings of batches, axis 0 being the batch. Images are stored height, width, channels."""

from mapsto.nn.activation import Activation, relu, sigmoid, softmax, tanh
from mapsto.nn.answer import top_k
from mapsto.nn.conv import Conv2D
from mapsto.nn.dense import Dense
from mapsto.nn.dropout import Dropout
from mapsto.nn.initialisers import glorot_normal, glorot_uniform, he_normal, he_uniform, ones, zeros
from mapsto.nn.pool import MaxPool2D
from mapsto.nn.shape import Flatten

__all__ = [
    "Activation",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "MaxPool2D",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "ones",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "top_k",
    "zeros",
]
