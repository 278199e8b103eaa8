#!/usr/bin/env bash
# Draws the PNG icons from icon.svg with Chromium; they are committed, so only a new drawing needs it.
set -euo pipefail
cd "$(dirname "$0")/app/icons"
trap 'rm -f drawing.html' EXIT

draw() {  # pixels, file, background
  cat >drawing.html <<HTML
<style>html { background: $3 } body { margin: 0; height: 100vh; display: grid; place-items: center }
img { width: 100%; height: 100% }</style><img src="icon.svg">
HTML
  chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size="$1,$1" \
    --default-background-color=00000000 --screenshot="$2" "file://$PWD/drawing.html" 2>/dev/null
}

draw 192 icon-192.png transparent
draw 512 icon-512.png transparent
# a maskable icon fills its square, and what matters is within the inner four fifths
draw 512 icon-maskable-512.png "#14213d"
