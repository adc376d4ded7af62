#!/bin/sh
# Counts in a round for four voices.
for voice in 1 2 3 4; do
  echo "voice $voice: wait $((voice - 1)) bars, then sing"
done
