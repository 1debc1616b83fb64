import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Sharp on any screen: a canvas as wide as its place, in CSS pixels for who draws. Redrawn when `draw` is another. */
export function Canvas(props: {
  readonly heightPx: number;
  readonly label: string;
  readonly draw: (context: CanvasRenderingContext2D, widthPx: number, heightPx: number) => void;
  readonly onPointerMove?: (event: PointerEvent) => void;
  readonly onPointerLeave?: (event: PointerEvent) => void;
}) {
  const { heightPx, label, draw } = props;
  const canvasRef = useRef<HTMLCanvasElement>(null);
  const [widthPx, setWidthPx] = useState(0);
  useLayoutEffect(() => {
    const canvas = canvasRef.current;
    if (!canvas) return;
    const observer = new ResizeObserver(() => setWidthPx(canvas.clientWidth));
    observer.observe(canvas);
    setWidthPx(canvas.clientWidth);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const canvas = canvasRef.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context || widthPx === 0) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(widthPx * ratio);
    canvas.height = Math.round(heightPx * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(context, widthPx, heightPx);
  }, [draw, widthPx, heightPx]);
  return (
    <canvas
      ref={canvasRef}
      class="canvas"
      style={{ height: `${heightPx}px` }}
      role="img"
      aria-label={label}
      onPointerMove={props.onPointerMove}
      onPointerLeave={props.onPointerLeave}
    />
  );
}

/** Diagonal lines over a rectangle: what is not known. */
export function hatch(
  context: CanvasRenderingContext2D,
  area: readonly [x: number, y: number, width: number, height: number],
  color: string,
  gapPx = 6,
): void {
  const [x, y, width, height] = area;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.beginPath();
  for (let start = x - height; start < x + width; start += gapPx) {
    context.moveTo(start, y + height);
    context.lineTo(start + height, y);
  }
  context.stroke();
  context.restore();
}
