"""Keras on JAX, compiled by XLA: LSTM layers and a dense layer at every step, Adam, binary cross-entropy. It takes the
cores that the process may use."""
import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np
from subject import FEATURES, MANY, TIME, TRAIN_BATCH, serve

STEPS = 40  # per call of fit, whose own work is then small


def make(hidden, layers):
    network = keras.Sequential(
        [keras.layers.Input((TIME, FEATURES))]
        + [keras.layers.LSTM(hidden, return_sequences=True) for _ in range(layers)]
        + [keras.layers.Dense(1, activation="sigmoid")]
    )
    network.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy", jit_compile=True)
    x = np.random.randn(TRAIN_BATCH * STEPS, TIME, FEATURES).astype("float32")
    y = (x[:, :, :1] > 0.5).astype("float32")

    return {
        "train": lambda: network.fit(x, y, batch_size=TRAIN_BATCH, epochs=1, verbose=0),
        "one": lambda: network.predict_on_batch(x[:1]),
        "many": lambda: network.predict_on_batch(x[:MANY]),
    }


serve(keras.__version__, make, steps=STEPS)
