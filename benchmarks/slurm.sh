#!/bin/bash
# One job a recording; all write into one folder, and what is there is not done again. Then: minisim benchmark report $BENCH
#SBATCH --job-name=benchmark
#SBATCH --array=1-24
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=04:00:00
BENCH=${BENCH:-/scratch/$USER/bench}
minisim benchmark run standard-1 --size full -o "$BENCH" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --name suite2p \
    --pipeline 'env/bin/python benchmarks/suite2p/run.py {film} {out} --fps {fps} --pixel-um {pixel_um}'
