"""Plays an MP4 beside the exact film: `check_mp4.py FILM.mp4 FILM.avi`."""

import subprocess
import sys

import cv2
import imageio_ffmpeg
import numpy as np


def film(path):
    capture = cv2.VideoCapture(path)
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1][..., 0])
    return np.array(frames).astype(float), capture.get(cv2.CAP_PROP_FPS)


(small, fps), (exact, _) = film(sys.argv[1]), film(sys.argv[2])
height, width = exact.shape[1:]
assert len(small) == len(exact) and abs(fps - 20) < 0.01, (small.shape, fps)
# Sides are made even.
assert np.abs(small[:, :height, :width] - exact).mean() < 12
ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
done = subprocess.run([ffmpeg, "-v", "error", "-i", sys.argv[1], "-f", "null", "-"], capture_output=True, check=True)
assert not done.stderr, done.stderr
