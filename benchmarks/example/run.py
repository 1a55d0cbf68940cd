"""A pipeline in plain numpy, small enough to read: bright spots of the film at rest, and the pixels that go with each.

    python run.py FILM.avi OUT        (minisim benchmark run … --film-format avi)
"""
import pathlib
import sys

import numpy as np

data, out = pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2])
width, height = np.frombuffer(data, "<i4", 2, data.index(b"strf") + 12)
frame = np.dtype([("name", "S4"), ("size", "<u4"), ("pixels", "u1", (abs(height), width))])
at = data.index(b"00db", data.index(b"movi"))
n = int(np.frombuffer(data, "<u4", 1, data.index(b"avih") + 24)[0])
film = np.frombuffer(data, frame, n, at)["pixels"].astype("f4")

# What is wider than cells is haze, what is narrower is noise: keep what lies between, with Gaussians in the Fourier domain.
f2 = np.fft.fftfreq(film.shape[1])[:, None] ** 2 + np.fft.rfftfreq(film.shape[2]) ** 2
band = np.exp(-2 * np.pi**2 * 1.5**2 * f2) - np.exp(-2 * np.pi**2 * 6**2 * f2)
film = np.fft.irfft2(np.fft.rfft2(film) * band, film.shape[1:]).astype("f4")

shifts = np.zeros((n, 2))
reference = np.conj(np.fft.rfft2(film[n // 2]))
for t in range(n):  # each frame goes back to where it is most like the one in the middle
    likeness = np.fft.irfft2(np.fft.rfft2(film[t]) * reference, film.shape[1:])
    peak = np.array(np.unravel_index(likeness.argmax(), likeness.shape))
    shifts[t] = -((peak + np.array(likeness.shape) // 2) % likeness.shape - np.array(likeness.shape) // 2)
    film[t] = np.roll(film[t], shifts[t].astype(int), (0, 1))

spots, A, C = film.max(0) / film.std(0), [], []
around = [np.roll(spots, (i, j), (0, 1)) for i in range(-3, 4) for j in range(-3, 4)]
for y, x in np.argwhere((spots >= np.max(around, 0)) & (spots > 5)):
    near = np.s_[max(y - 8, 0) : y + 9, max(x - 8, 0) : x + 9]
    traces = film[:, near[0], near[1]] - film[:, near[0], near[1]].mean(0)
    seed = film[:, y, x] - film[:, y, x].mean()
    alike = np.einsum("tyx,t->yx", traces, seed) / (np.linalg.norm(traces, axis=0) * np.linalg.norm(seed) + 1e-9)
    footprint = np.zeros(film.shape[1:], "f4")
    footprint[near] = np.where(alike > 0.5, alike, 0)
    A.append(footprint)
    C.append(np.einsum("tyx,yx->t", traces, footprint[near]))
np.savez(out / "estimate.npz", A=np.reshape(A, (-1, *film.shape[1:])), C=np.reshape(C, (-1, n)), shifts=shifts)
