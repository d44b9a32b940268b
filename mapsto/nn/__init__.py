"""Layers and activations: mappings of batches, axis 0 being the batch. Images are stored height, width, channels."""

from typing import TYPE_CHECKING

from mapsto.core.names import answering
from mapsto.nn.activation import (
    Activation,
    celu,
    elu,
    gelu,
    gelu_tanh,
    glu,
    hard_sigmoid,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    swish,
    tanh,
)
from mapsto.nn.adaptive import (
    AdaptiveAvgPool1D,
    AdaptiveAvgPool2D,
    AdaptiveAvgPool3D,
    AdaptiveMaxPool1D,
    AdaptiveMaxPool2D,
    AdaptiveMaxPool3D,
)
from mapsto.nn.answer import top_k
from mapsto.nn.batch_norm import BatchNorm
from mapsto.nn.border import Crop1D, Crop2D, Crop3D, ZeroPad1D, ZeroPad2D, ZeroPad3D
from mapsto.nn.conv import Conv1D, Conv2D, Conv3D
from mapsto.nn.conv_depthwise import DepthwiseConv2D
from mapsto.nn.conv_transpose import ConvTranspose1D, ConvTranspose2D, ConvTranspose3D
from mapsto.nn.dense import Dense
from mapsto.nn.distributions import constant, identity, normal, orthogonal, truncated_normal, uniform
from mapsto.nn.dropout import Dropout, SpatialDropout
from mapsto.nn.embedding import Embedding
from mapsto.nn.global_pool import GlobalAvgPool, GlobalMaxPool
from mapsto.nn.group_norm import GroupNorm, InstanceNorm
from mapsto.nn.gru import GRU
from mapsto.nn.initialisers import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    ones,
    zeros,
)
from mapsto.nn.layer_norm import LayerNorm, RMSNorm
from mapsto.nn.lstm import LSTM
from mapsto.nn.pool import AvgPool1D, AvgPool2D, AvgPool3D, MaxPool1D, MaxPool2D, MaxPool3D
from mapsto.nn.prelu import PReLU
from mapsto.nn.rnn import RNN
from mapsto.nn.shape import Flatten, Permute, Reshape
from mapsto.nn.upsample import UpSampling1D, UpSampling2D, UpSampling3D

__all__ = [
    "Activation",
    "AdaptiveAvgPool1D",
    "AdaptiveAvgPool2D",
    "AdaptiveAvgPool3D",
    "AdaptiveMaxPool1D",
    "AdaptiveMaxPool2D",
    "AdaptiveMaxPool3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNorm",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "ConvTranspose3D",
    "Crop1D",
    "Crop2D",
    "Crop3D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRU",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "InstanceNorm",
    "LSTM",
    "LayerNorm",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "PReLU",
    "Permute",
    "RMSNorm",
    "RNN",
    "Reshape",
    "SpatialDropout",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPad1D",
    "ZeroPad2D",
    "ZeroPad3D",
    "celu",
    "constant",
    "elu",
    "gelu",
    "gelu_tanh",
    "glorot_normal",
    "glorot_uniform",
    "glu",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "he_normal",
    "he_uniform",
    "identity",
    "leaky_relu",
    "lecun_normal",
    "lecun_uniform",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "normal",
    "ones",
    "orthogonal",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "top_k",
    "truncated_normal",
    "uniform",
    "zeros",
]

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.nn")
