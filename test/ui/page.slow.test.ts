import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { SilenceRecord } from '../../domain/silence.js';
import { launchChromium, readContrasts, whyNoChromium, withPage } from './browser.js';
import { dayMs, makeAlert } from './fixture-plant.js';
import { type FixturePlant, startFixture } from './fixture-server.js';

const skip = whyNoChromium() || false;
let browser: Browser;
before(async () => {
  if (!skip) browser = await launchChromium();
});
after(async () => {
  if (!skip) await browser.close();
});

/** A test with a plant of its own. */
function plantTest(name: string, machineCount: number, story: (plant: FixturePlant) => Promise<void>): void {
  test(name, { skip }, async () => {
    const plant = await startFixture(machineCount, machineCount > 1000 ? { historyDays: 3 } : {});
    try {
      await story(plant);
    } finally {
      await plant.server.close();
    }
  });
}

/** Cells of the rows in sight, top to bottom. */
async function readRows(page: Page): Promise<string[][]> {
  await page.waitForSelector('.row');
  const rows = await page.$$eval('.row', (elements) =>
    elements.map((row) => ({
      index: Number(row.getAttribute('aria-rowindex')),
      cells: [...row.querySelectorAll('[role=cell]')].map((cell) => cell.textContent ?? ''),
    })),
  );
  return rows.sort((a, b) => a.index - b.index).map((row) => row.cells);
}

const firstRow = (page: Page, machine: string) =>
  page.locator('.row[aria-rowindex="2"]', { has: page.getByRole('link', { name: machine, exact: true }) });

/** `< 1 %` → 0, `> 99 %` → 100. */
const percentOf = (text: string) =>
  text.startsWith('<') ? 0 : text.startsWith('>') ? 100 : Number(text.replace(' %', ''));

plantTest('the fleet is sorted by risk, and what cannot be assessed says why', 25, async ({ server }) => {
  await withPage(browser, server.url, async (page) => {
    const rows = await readRows(page);
    assert.ok(rows.length >= 15);
    const assessed = rows.filter((cells) => cells[2] !== '–');
    const weeks = assessed.map((cells) => percentOf(cells[2] ?? ''));
    assert.deepEqual(
      weeks,
      [...weeks].sort((a, b) => b - a),
    );
    assert.ok((weeks[0] ?? 0) > 50);
    const unassessed = rows.filter((cells) => cells[2] === '–');
    assert.equal(unassessed.length, 3);
    assert.ok(unassessed.some((cells) => cells[1]?.includes('cannot be assessed: 5 of 10 sensors silent')));
    const counts = (await page.locator('.counts').textContent()) ?? '';
    assert.match(counts, /1 critical.*2 warning.*19 good.*3 cannot be assessed/);
  });
});

plantTest('a new forecast and its alert change their row without a reload', 25, async (plant) => {
  await withPage(browser, plant.server.url, async (page) => {
    const last = (await readRows(page)).at(-1)?.[0] ?? '';
    const machine = plant.machines.find((candidate) => last.startsWith(candidate.id));
    assert.ok(machine, `a machine for the row ${last}`);
    await page.evaluate(() => document.body.setAttribute('data-marker', 'kept'));
    machine.day++;
    const calm = machine.makeForecast(plant.clock.nowMs() + dayMs / 2);
    const forecast = {
      ...calm,
      probabilities: Array.from({ length: 30 }, (_, k) => Math.min(1, 0.9 + k / 100)),
      expectedDay: 1,
    };
    plant.clock.advanceTo(forecast.originMs);
    const alert = makeAlert(machine, forecast, {
      state: 'firing',
      severity: 'critical',
      transition: 'fired',
      sequence: 0,
      sinceMs: forecast.originMs,
    });
    await plant.publish({ steps: [], forecasts: [forecast], alerts: [alert], events: [] });
    const row = firstRow(page, machine.id);
    await row.waitFor();
    assert.match((await row.textContent()) ?? '', /96 %.*critical/);
    await page.getByRole('button', { name: '2 critical' }).waitFor();
    assert.equal(await page.evaluate(() => document.body.getAttribute('data-marker')), 'kept');
  });
});

plantTest('a forecast that is not by the network says so in its row and on its page', 25, async (plant) => {
  await withPage(browser, plant.server.url, async (page) => {
    const [machine] = plant.machines;
    assert.ok(machine);
    machine.day++;
    const forecast = {
      ...machine.makeForecast(plant.clock.nowMs() + dayMs / 2),
      status: 'fallback' as const,
      rung: 'smoothing' as const,
      reason: 'the model gave NaN for day 2',
      probabilities: Array.from({ length: 30 }, (_, k) => Math.min(1, 0.9 + k / 100)),
      expectedDay: 1,
    };
    plant.clock.advanceTo(forecast.originMs);
    await plant.publish({ steps: [], forecasts: [forecast], alerts: [], events: [] });
    const words = page.locator('.row', { hasText: machine.id }).getByText('by smoothed readings and the age');
    await words.waitFor();
    assert.equal(await words.getAttribute('title'), forecast.reason);
    await page.getByRole('link', { name: machine.id, exact: true }).click();
    await page
      .getByText(
        'This forecast rests on smoothed readings and the age, not on the network: the model gave NaN for day 2',
      )
      .waitFor();
  });
});

plantTest('where a step is an hour, nothing speaks of days', 25, async ({ server }) => {
  await withPage(browser, server.url, async (page) => {
    await page.route('**/api/v1/plant', async (route) => {
      const response = await route.fetch();
      const plant = await response.json();
      for (const type of plant.types) type.stepMs = 3_600_000;
      await route.fulfill({ response, json: plant });
    });
    const readWords = async () => {
      const labelled = await page.locator('main [aria-label]').all();
      const labels = await Promise.all(labelled.map((one) => one.getAttribute('aria-label')));
      // biome-ignore lint/performance/useDomNodeTextContent: words are parted as a person sees them
      return [await page.locator('main').innerText(), ...labels].join('\n');
    };
    await page.reload();
    const [first] = await readRows(page);
    const fleet = await readWords();
    assert.match(fleet, /within 7 h/i);
    await page.locator('.row a').first().click();
    await page.getByText('Probability of having failed, by hour').waitFor();
    const machine = await readWords();
    assert.ok(first && machine.includes('Follows hour'));
    for (const words of [fleet, machine]) {
      // Ages of alerts may be of days all the same, and so are the sentences that the fixture wrote.
      assert.doesNotMatch(words, /by day|day \d|(within|beyond|in) \d+ d\b(?! with a)|\d days? without/);
    }
  });
});

plantTest('a failure takes the machine off the fleet and says so', 25, async (plant) => {
  await withPage(browser, plant.server.url, async (page) => {
    await readRows(page);
    for (let day = 0; day < 8; day++) await plant.advanceDay();
    await page.locator('.notice').first().waitFor();
    const failed = await page.locator('.notice a').allTextContents();
    for (const machine of failed)
      await page
        .locator('.row')
        .getByRole('link', { name: machine, exact: true })
        .waitFor({ state: 'detached' });
    await page.getByText('Sat 20 Jul 2024').waitFor();
  });
});

plantTest('the keyboard alone: rows, machine, back, search, help', 25, async ({ server }) => {
  await withPage(browser, server.url, async (page) => {
    const rows = await readRows(page);
    for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key);
    const selected = page.locator('.row.selected a');
    const machine = (await selected.textContent()) ?? '';
    assert.ok(rows[1]?.[0]?.startsWith(machine));
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/machines/${machine}`);
    await page.getByText('Probability of having failed').waitFor();
    await page.keyboard.press('k');
    await page.waitForURL((url) => !url.pathname.endsWith(machine));
    // The address is ahead of the page: keys are for what one sees.
    await page.locator('h1', { hasText: new URL(page.url()).pathname.split('/').at(-1) ?? '' }).waitFor();
    await page.keyboard.press('j');
    await page.waitForURL(`**/machines/${machine}`);
    await page.locator('h1', { hasText: machine }).waitFor();
    await page.keyboard.press('Escape');
    await selected.waitFor();
    await waitUntilStill(page);
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('next and previous row').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.keyboard.press('/');
    await page.waitForFunction(() => document.activeElement?.tagName === 'INPUT');
    await page.keyboard.type('mill-1');
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 3);
    assert.ok((await readRows(page)).every((cells) => cells[0]?.startsWith('mill-1')));
    assert.equal(new URL(page.url()).search, '?q=mill-1', 'what one sees can be shared');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.querySelectorAll('.row').length > 3);
    await page.keyboard.press('a');
    await page.waitForURL('**/alerts');
  });
});

plantTest('a key pressed as the rows appear counts', 25, async ({ server }) => {
  await withPage(browser, server.url, async (page) => {
    await page.addInitScript(() => {
      // Called before the rows are painted.
      const observer = new MutationObserver(() => {
        if (!document.querySelector('.row')) return;
        observer.disconnect();
        document.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }));
      });
      observer.observe(document, { childList: true, subtree: true });
    });
    await page.reload();
    await page.locator('.row.selected').waitFor({ timeout: 10_000 });
  });
});

plantTest('a key pressed as the help closes counts', 25, async ({ server }) => {
  await withPage(browser, server.url, async (page) => {
    await readRows(page);
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('next and previous row').waitFor();
    const focused = await page.evaluate(() => {
      document.querySelector('dialog')?.close();
      // In the same task: nothing has been drawn since.
      const key = new KeyboardEvent('keydown', { key: '/', bubbles: true, cancelable: true });
      document.activeElement?.dispatchEvent(key);
      return document.activeElement?.tagName;
    });
    assert.equal(focused, 'INPUT');
  });
});

plantTest(
  'acknowledge: shown at once, taken back with the reason when refused, kept when done',
  25,
  async (plant) => {
    const story = async (page: Page) => {
      const card = page.locator('.alert').first();
      await card.getByRole('button', { name: 'Acknowledge' }).click();
      assert.equal(
        await page.evaluate(() => document.activeElement?.tagName),
        'INPUT',
        'one can type at once',
      );
      await card.getByLabel('Who').fill('S. Lee');
      await card.getByLabel('Comment').fill('bearing ordered');
      plant.failNextAction();
      await card.locator('form').getByRole('button', { name: 'Acknowledge' }).click();
      await card.getByText('Not saved: the log is not reachable').waitFor();
      assert.equal(await card.getByText('✓ S. Lee').count(), 0);
      await card.getByLabel('Comment').fill('bearing ordered');
      await card.locator('form').getByRole('button', { name: 'Acknowledge' }).click();
      await card.getByText('✓ S. Lee').waitFor();
      await card.getByRole('link', { name: 'history' }).click();
      await page.getByText('by S. Lee · bearing ordered').waitFor();
      await page.keyboard.press('f');
      await page.locator('.row').first().getByText('✓ S. Lee').waitFor();
      const acknowledged = (await plant.store.alerts()).filter((alert) => alert.acknowledgedBy === 'S. Lee');
      assert.equal(acknowledged.length, 1);
    };
    await withPage(browser, `${plant.server.url}/alerts`, story, { allowed: /503/ });
  },
);

plantTest(
  'an alert is assigned and commented on: shown on it, in its history and to others',
  25,
  async (plant) => {
    await withPage(browser, `${plant.server.url}/alerts`, async (page) => {
      const card = page.locator('.alert').first();
      await card.getByRole('button', { name: 'Assign' }).click();
      await card.getByLabel('Who').fill('S. Lee');
      await card.locator('form').getByRole('button', { name: 'Assign' }).click();
      assert.equal(await card.getByText('→').count(), 0, 'nobody is not assigned');
      await card.getByLabel('To').fill('Kim');
      await card.getByLabel('Comment').fill('night shift');
      await card.locator('form').getByRole('button', { name: 'Assign' }).click();
      await card.getByText('→ Kim').waitFor();
      await card.getByRole('button', { name: 'Comment' }).click();
      assert.equal(await card.getByLabel('Who').inputValue(), 'S. Lee', 'who one is is remembered');
      await card.getByLabel('Comment').fill('bearing <b>warm</b>');
      await card.locator('form').getByRole('button', { name: 'Comment' }).click();
      await card.getByRole('link', { name: 'history' }).click();
      await page.getByText('to Kim · by S. Lee · night shift').waitFor();
      await page.getByText('by S. Lee · bearing <b>warm</b>').waitFor();
      await page.locator('.alert-actions').getByText('→ Kim').first().waitFor();
      const newest = (await plant.store.alerts()).find((alert) => alert.assignedTo === 'Kim');
      assert.deepEqual([newest?.transition, newest?.by], ['commented', 'S. Lee']);
    });
  },
);

plantTest('a silence: made from an alert, shown on it and below, ended', 25, async (plant) => {
  await withPage(browser, `${plant.server.url}/alerts`, async (page) => {
    const card = page.locator('.page > .alert-list .alert').first();
    const machine = await card.locator('.alert-words a').first().textContent();
    await card.getByRole('button', { name: 'Silence' }).click();
    await card.getByLabel('For how long?').selectOption('3 days');
    await card.getByLabel('Who').fill('S. Lee');
    await card.getByLabel('Comment').fill('rebuild on Thursday');
    await card.locator('form').getByRole('button', { name: 'Silence' }).click();
    await card.getByText('silenced').waitFor();
    assert.equal(await card.getByRole('button', { name: 'Silence' }).count(), 0);
    const listed = page.getByRole('region', { name: 'Silences' });
    await listed.getByText(`machine="${machine}" rule="failure-soon"`).waitFor();
    await listed.getByText('by S. Lee · rebuild on Thursday').waitFor();
    const [silence] = (await plant.silences.list()) as [SilenceRecord];
    assert.equal(silence.endsMs - silence.startsMs, 3 * dayMs);
    await listed.getByRole('button', { name: 'End now' }).click();
    await listed.waitFor({ state: 'detached' });
    await card.getByText('silenced').waitFor({ state: 'detached' });
  });
});

plantTest('feedback is sent with its verdict', 25, async (plant) => {
  await withPage(browser, `${plant.server.url}/alerts`, async (page) => {
    const card = page.locator('.alert').first();
    await card.getByRole('button', { name: 'Was it right?' }).click();
    await card.getByLabel('What turned out to be true?').selectOption('true');
    await card.getByLabel('Fault code').fill('BRG-2');
    await card.getByLabel('Who').fill('S. Lee');
    await card.getByRole('button', { name: 'Send' }).click();
    await card.getByText('Noted').waitFor();
    assert.deepEqual([plant.feedback[0]?.verdict, plant.feedback[0]?.fault], ['true', 'BRG-2']);
  });
});

plantTest(
  'a machine: curve, earlier curves, followed day, sensors with gaps, data quality',
  25,
  async (plant) => {
    await withPage(browser, `${plant.server.url}/machines/pump-19`, async (page) => {
      await page.getByText('How the forecast for 19 Jul moved').waitFor();
      const inks = await page.locator('.curve-chart canvas').evaluate((element) => {
        const canvas = element as HTMLCanvasElement;
        const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
        const colors = new Set<string>();
        for (let index = 0; index < pixels.length; index += 4)
          if ((pixels[index + 3] ?? 0) === 255)
            colors.add(`${pixels[index]},${pixels[index + 1]},${pixels[index + 2]}`);
        return [...colors];
      });
      for (const ink of ['169,58,38', '163,22,31', '138,83,0'])
        assert.ok(inks.includes(ink), `curve, critical and warning threshold are drawn: ${ink}`);
      assert.match(
        await page.locator('.curve-chart').getAttribute('aria-label').then(String),
        /35 % within 7 d/,
      );
      await waitUntilStill(page);
      const over = await page.locator('.curve-chart .u-over').boundingBox();
      assert.ok(over);
      await page.mouse.move(over.x + (over.width * 20) / 30, over.y + 40);
      await page.locator('.curve-readout', { hasText: 'by 31 Jul (20 d)' }).waitFor();
      await page.mouse.click(over.x + (over.width * 20) / 30, over.y + 40);
      await page.getByText('How the forecast for 31 Jul moved').waitFor();
      await page.keyboard.press('ArrowLeft');
      await page.getByText('How the forecast for 30 Jul moved').waitFor();
      assert.equal(await page.locator('.sensor').count(), 10);
      const label = await page.getByRole('img', { name: /^speed: / }).getAttribute('aria-label');
      assert.match(label ?? '', /[1-9]\d* days? without readings/);
      await page.getByRole('img', { name: /speed silent in \d+ of 30 steps/ }).waitFor();
    });
  },
);

plantTest('a machine that cannot be assessed says so and leads to its last forecast', 25, async (plant) => {
  await withPage(browser, `${plant.server.url}/machines/pump-22`, async (page) => {
    await page.getByText('Cannot be assessed. 10 of 10 sensors silent').waitFor();
    await page.getByRole('link', { name: 'show it' }).click();
    await page.getByText('This is the forecast as of 5 Jul, 00:00').waitFor();
    await page.locator('.curve-chart canvas').waitFor();
  });
});

plantTest(
  '10,000 machines: few elements, the last row reachable, one found by name',
  10_000,
  async (plant) => {
    await withPage(browser, plant.server.url, async (page) => {
      await page.waitForSelector('.row');
      const elements = () => page.evaluate(() => document.querySelectorAll('*').length);
      assert.ok((await elements()) < 1500, `${await elements()} elements`);
      await page.keyboard.press('End');
      await page.locator('.row[aria-rowindex="10001"]').waitFor();
      assert.ok((await elements()) < 1500, `${await elements()} elements`);
      await page.keyboard.press('/');
      await page.keyboard.type('fan-7775');
      await firstRow(page, 'fan-7775').waitFor();
      await plant.advanceDay();
      await page.getByText('Sat 13 Jul 2024').waitFor();
    });
  },
);

for (const colorScheme of ['light', 'dark'] as const)
  plantTest(`every text has a contrast of at least 4.5, ${colorScheme}`, 25, async (plant) => {
    for (const path of ['/', '/machines/pump-19', '/machines/pump-22', '/alerts'])
      await withPage(
        browser,
        plant.server.url + path,
        async (page) => {
          await page.waitForSelector('.row, .curve-card, .alert');
          await waitUntilStill(page);
          if (path !== '/machines/pump-22') await page.keyboard.press('j');
          await waitUntilStill(page);
          const contrasts = await readContrasts(page);
          assert.ok(contrasts.length > 30, `${contrasts.length} texts`);
          const low = contrasts.filter(({ ratio }) => ratio < 4.5);
          assert.deepEqual(low, [], path);
          if (path === '/') assert.equal(await isDark(page), colorScheme === 'dark');
        },
        { colorScheme },
      );
  });

/** Until the page has shown the same text for a third of a second: all that it loads is there. */
async function waitUntilStill(page: Page): Promise<void> {
  await page.waitForFunction(
    () => {
      const held = window as Window & { lastText?: string; sinceMs?: number };
      const text = document.body.textContent ?? '';
      if (text !== held.lastText) {
        held.lastText = text;
        held.sinceMs = performance.now();
      }
      return performance.now() - (held.sinceMs ?? 0) > 333;
    },
    undefined,
    { polling: 50 },
  );
}

function isDark(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const [red = 255] = (getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? []).map(Number);
    return red < 128;
  });
}

plantTest('a forecast that grows old is greyed and says since when', 25, async (plant) => {
  await withPage(browser, plant.server.url, async (page) => {
    await readRows(page);
    assert.equal(await page.locator('.row.stale').count(), 0);
    plant.clock.advanceTo(plant.clock.nowMs() + 3 * dayMs);
    plant.feed.publish({ kind: 'tick', timeMs: plant.clock.nowMs() });
    await page.locator('.row.stale').first().getByText('no forecast for 3 d').waitFor();
  });
});

plantTest(
  'a server that goes away: said, greyed; when it is back: live again, up to date',
  25,
  async (plant) => {
    const port = Number(new URL(plant.server.url).port);
    const pill = (page: Page) => page.locator('.line-pill');
    await withPage(
      browser,
      plant.server.url,
      async (page) => {
        await readRows(page);
        await pill(page).getByText('live').waitFor();
        await plant.server.close();
        await page.getByRole('alert').getByText('Disconnected.').waitFor();
        await pill(page).getByText('disconnected').waitFor();
        assert.equal(await page.locator('main.outdated').count(), 1);
        const again = await startFixture(25, { port });
        try {
          await pill(page).getByText('live').waitFor();
          await page.locator('main.outdated').waitFor({ state: 'detached' });
          await again.advanceDay();
          await page.getByText('Sat 13 Jul 2024').waitFor();
        } finally {
          await again.server.close();
        }
      },
      { allowed: /net::/ },
    );
  },
);

plantTest('a plant without machines says what to do, and fills itself', 0, async (plant) => {
  await withPage(browser, plant.server.url, async (page) => {
    await page.getByText('No machine has been forecast yet').waitFor();
    await page.getByText('millwright replay --data FILE').waitFor();
    const other = await startFixture(1);
    const rows = await other.store.fleet();
    await other.server.close();
    await plant.publish({ steps: [], forecasts: rows.map((row) => row.forecast), alerts: [], events: [] });
    await page.waitForSelector('.row');
  });
});

plantTest('a link to what is not there says so', 3, async (plant) => {
  await withPage(
    browser,
    `${plant.server.url}/machines/nope`,
    async (page) => {
      await page.getByText('no step or forecast of "nope" is known').waitFor();
      await page.getByRole('link', { name: 'To the fleet', exact: true }).click();
      await page.waitForSelector('.row');
      await page.goto(`${plant.server.url}/engines`);
      await page.getByText('There is nothing at /engines').waitFor();
    },
    { allowed: /404/ },
  );
});
