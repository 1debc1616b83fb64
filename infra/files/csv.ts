/**
 * Reads history from CSV tables by a mapping. Rows that cannot be used are counted with their reason and the first
 * example; a column that is missing altogether is a UserError, because then the mapping is wrong.
 */
import { resolve } from 'node:path';
import Papa from 'papaparse';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import { eventKinds } from '../../domain/input.js';
import { DatasetBuilder } from './dataset-builder.js';
import type { CsvConfig, EventsTable, ReadingsTable } from './dataset-config.js';
import { openData } from './open-text.js';
import { parseTimeMs } from './parse-time.js';
import { SkippedCounter } from './skipped.js';

/** `baseDir` is what relative paths in `config` are relative to. Reads all tables before it resolves. */
export async function readCsv(config: CsvConfig, baseDir: string): Promise<Dataset> {
  const builder = new DatasetBuilder();
  const skipped = new SkippedCounter();
  for (const table of config.readings)
    await readReadings(resolve(baseDir, table.file), table, builder, skipped);
  for (const table of config.events) await readEvents(resolve(baseDir, table.file), table, builder, skipped);
  if (config.machines !== undefined) {
    const { machines } = config;
    const file = resolve(baseDir, machines.file);
    await readRows(file, machines.delimiter, (columns) => {
      const machineColumn = columns.need(machines.machine);
      const attributes = Object.entries(machines.attributes).map(([column, name]): [number, string] => [
        columns.need(column),
        name,
      ]);
      return (row) => {
        const id = row[machineColumn]?.trim() ?? '';
        builder.setAttributes(
          machines.machinePrefix + id,
          Object.fromEntries(attributes.map(([column, name]) => [name, row[column]?.trim() ?? ''])),
        );
      };
    });
  }
  if (builder.rowCount === 0) {
    const [first] = skipped.list();
    throw new UserError(
      `the data set "${config.name}" has no row that can be used${first === undefined ? '; are the files empty?' : `: ${first.first}`}`,
    );
  }
  return builder.finish(config.name, skipped);
}

type RowHandler = (row: readonly string[], line: number) => void;

/** Columns of one table by name. */
class Columns {
  readonly #file: string;
  readonly names: readonly string[];

  constructor(file: string, names: readonly string[]) {
    this.#file = file;
    this.names = names;
  }

  /** Index of a column; a UserError that lists what there is if it is not there. */
  need(name: string): number {
    const index = this.names.indexOf(name);
    if (index < 0)
      throw new UserError(
        `${this.#file} has no column "${name}"; its columns are ${this.names.join(', ')}; name the right one in the mapping`,
      );
    return index;
  }
}

async function readRows(
  file: string,
  delimiter: string | undefined,
  begin: (columns: Columns) => RowHandler,
): Promise<void> {
  const source = openData(file);
  let handle: RowHandler | undefined;
  let line = 0;
  try {
    await new Promise<void>((done, fail) => {
      source.once('error', fail);
      Papa.parse<string[]>(source, {
        delimiter: delimiter ?? '',
        skipEmptyLines: true,
        // An exception inside papaparse's callbacks would leave the promise hanging: it is caught and passed on.
        step: ({ data }, parser) => {
          line++;
          try {
            if (handle === undefined)
              handle = begin(
                new Columns(
                  file,
                  data.map((name) => name.replace(/^\uFEFF/, '').trim()),
                ),
              );
            else handle(data, line);
          } catch (error) {
            fail(error as Error);
            parser.abort(); // calls `complete`, which must come second
          }
        },
        complete: () => done(),
        error: fail,
      });
    });
  } finally {
    source.destroy();
  }
}

interface Row {
  readonly machine: string;
  readonly timeMs: number;
}

/** Reads machine and time of a row, counting the rows that have none; undefined for those and for rows not wanted. */
function rowReader(
  file: string,
  table: ReadingsTable | EventsTable,
  columns: Columns,
  skipped: SkippedCounter,
): (row: readonly string[], line: number) => Row | undefined {
  const timeColumn = columns.need(table.time);
  const machineColumn = columns.need(table.machine);
  const whereColumn = table.where === undefined ? -1 : columns.need(table.where.column);
  return (row, line) => {
    if (table.where !== undefined && row[whereColumn]?.trim() !== table.where.equals) return undefined;
    const id = row[machineColumn]?.trim() ?? '';
    if (id === '') {
      skipped.add('bad-machine', file, line, `no machine id in column ${table.machine}`);
      return undefined;
    }
    const text = row[timeColumn] ?? '';
    const timeMs = parseTimeMs(text, table.timeFormat, table.timeZone);
    if (timeMs === undefined) {
      skipped.add(
        'bad-time',
        file,
        line,
        `"${text.slice(0, 40)}" is not a time written as ${table.timeFormat}`,
      );
      return undefined;
    }
    return { machine: table.machinePrefix + id, timeMs: timeMs + table.shiftMs };
  };
}

async function readReadings(
  file: string,
  table: ReadingsTable,
  builder: DatasetBuilder,
  skipped: SkippedCounter,
): Promise<void> {
  const missing = new Set(table.missing);
  await readRows(file, table.delimiter, (columns) => {
    const read = rowReader(file, table, columns, skipped);
    const numberOf = (text: string, line: number): number | undefined => {
      if (missing.has(text)) return undefined;
      const value = Number(text);
      if (text !== '' && Number.isFinite(value)) return value;
      skipped.add('bad-value', file, line, `"${text.slice(0, 40)}" is not a finite number`);
      return undefined;
    };
    if (table.layout === 'long') {
      const sensorColumn = columns.need(table.sensor);
      const valueColumn = columns.need(table.value);
      return (row, line) => {
        const at = read(row, line);
        if (at === undefined) return;
        const word = row[sensorColumn]?.trim() ?? '';
        const sensor = table.sensors === undefined ? word : table.sensors[word];
        if (sensor === undefined) return;
        const value = numberOf(row[valueColumn]?.trim() ?? '', line);
        if (value !== undefined) builder.addReadings(at.machine, at.timeMs, [[sensor, value]]);
      };
    }
    const taken = [table.time, table.machine, table.where?.column];
    const chosen =
      table.sensors ??
      Object.fromEntries(columns.names.filter((name) => !taken.includes(name)).map((name) => [name, name]));
    const sensors = Object.entries(chosen).map(([column, name]): [number, string] => [
      columns.need(column),
      name,
    ]);
    return (row, line) => {
      const at = read(row, line);
      if (at === undefined) return;
      const values: [string, number][] = [];
      for (const [column, name] of sensors) {
        const value = numberOf(row[column]?.trim() ?? '', line);
        if (value !== undefined) values.push([name, value]);
      }
      if (values.length === 0) skipped.add('no-value', file, line, 'no sensor has a value');
      else builder.addReadings(at.machine, at.timeMs, values);
    };
  });
}

async function readEvents(
  file: string,
  table: EventsTable,
  builder: DatasetBuilder,
  skipped: SkippedCounter,
): Promise<void> {
  await readRows(file, table.delimiter, (columns) => {
    const read = rowReader(file, table, columns, skipped);
    const eventColumn = table.eventIs === undefined ? columns.need(table.event) : -1;
    const textIn = (name: string | undefined): ((row: readonly string[]) => string) => {
      const column = name ? columns.need(name) : -1;
      return (row) => row[column]?.trim() ?? '';
    };
    const [codeOf, alertOf, faultOf] = [textIn(table.code), textIn(table.alert), textIn(table.fault)];
    return (row, line) => {
      const at = read(row, line);
      if (at === undefined) return;
      const word = row[eventColumn]?.trim() ?? '';
      const event = table.eventIs ?? eventKinds.find((kind) => kind === word);
      if (event === undefined)
        skipped.add('bad-event', file, line, `"${word.slice(0, 40)}" is none of ${eventKinds.join(', ')}`);
      else builder.addEvent({ ...at, event, code: codeOf(row), alert: alertOf(row), fault: faultOf(row) });
    };
  });
}
