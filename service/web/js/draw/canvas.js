/** Canvases that are as sharp as the screen, and drawn anew when their size or the theme changes. */

/** Its context, as many pixels as are seen, and empty. */
export function fitted(canvas) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
  return canvas.getContext("2d");
}

/** Draw whenever something else is seen than before. */
export function whenSeen(canvas, draw) {
  new ResizeObserver(() => draw()).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
}

/**
 * A picture of values: `at(row, column)` is from 0 to 1, row 0 the lowest, `colour` makes red, green, blue and
 * perhaps an opacity of it. It fills the canvas.
 */
export function paint(context, rows, columns, at, colour, { smooth = true } = {}) {
  const image = new ImageData(columns, rows);
  for (let row = 0, place = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, place += 4) {
      const [red, green, blue, opacity = 1] = colour(at(rows - 1 - row, column));
      image.data.set([red, green, blue, 255 * opacity], place);
    }
  }
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}
