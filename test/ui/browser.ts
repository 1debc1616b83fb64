/** A real Chromium for the page's tests. What must hold on every page is checked when a page is closed. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** '' when there is one, else why the tests cannot run: for `skip`. */
export function whyNoChromium(): string {
  if (existsSync(chromiumPath)) return '';
  const why = `no Chromium at ${chromiumPath}: the page is NOT tested. apt-get install chromium, or set CHROMIUM`;
  console.error(`SKIPPED: ${why}`);
  return why;
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'], timeout: 120_000 });
}

/**
 * Opens `url`, runs `story`, and then asserts: nothing was asked of another origin, and the console has no error
 * (violations of the Content-Security-Policy are errors). `allowed`: console errors that the story causes.
 */
export async function withPage(
  browser: Browser,
  url: string,
  story: (page: Page) => Promise<void>,
  options: BrowserContextOptions & { readonly allowed?: RegExp } = {},
): Promise<void> {
  const { allowed, ...contextOptions } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...contextOptions });
  const page = await context.newPage();
  const errors: string[] = [];
  const foreign: string[] = [];
  const { origin } = new URL(url);
  page.on('console', (message) => {
    if (message.type() === 'error' && !allowed?.test(message.text())) errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
  page.on('request', (request) => {
    const target = request.url();
    if (!target.startsWith(`${origin}/`) && !target.startsWith('data:')) foreign.push(target);
  });
  page.setDefaultTimeout(60_000);
  try {
    await page.goto(url);
    await story(page);
  } finally {
    await context.close();
  }
  assert.deepEqual(errors, [], 'the console has no error');
  assert.deepEqual(foreign, [], 'nothing is asked of another origin');
}

export interface TextContrast {
  readonly text: string;
  readonly ratio: number;
}

/** WCAG 2 contrast of every text in sight against what lies behind it; the lowest first. */
export function readContrasts(page: Page): Promise<TextContrast[]> {
  return page.evaluate(() => {
    type Color = [number, number, number, number];
    const parse = (text: string): Color => {
      const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
      return [red, green, blue, alpha];
    };
    const over = (top: Color, below: Color): Color => {
      const mix = (index: 0 | 1 | 2) => top[index] * top[3] + below[index] * (1 - top[3]);
      return [mix(0), mix(1), mix(2), 1];
    };
    const groundOf = (element: Element | null): Color => {
      if (!element) return [255, 255, 255, 1];
      const color = parse(getComputedStyle(element).backgroundColor);
      return color[3] === 1 ? color : over(color, groundOf(element.parentElement));
    };
    const luminance = ([red, green, blue]: Color) => {
      const [r = 0, g = 0, b = 0] = [red, green, blue].map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found: { text: string; ratio: number }[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      const text = node.textContent?.trim() ?? '';
      if (!element || text === '' || !element.checkVisibility() || element.closest('.hidden, noscript'))
        continue;
      const ground = groundOf(element);
      const ink = luminance(over(parse(getComputedStyle(element).color), ground));
      const paper = luminance(ground);
      const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      found.push({ text: `${element.className || element.tagName}: ${text.slice(0, 40)}`, ratio });
    }
    return found.sort((a, b) => a.ratio - b.ratio);
  });
}
