/** What an engine and its worker thread say to each other. */
import type { TensorValues } from '../../model/ports.js';

export type EngineRequest =
  | { readonly id: number; readonly ask: 'load'; readonly graph: number; readonly bytes: Uint8Array }
  | { readonly id: number; readonly ask: 'run'; readonly graph: number; readonly feeds: TensorValues }
  | { readonly id: number; readonly ask: 'close'; readonly graph: number };

export type EngineReply =
  | { readonly id: number; readonly values: TensorValues }
  | { readonly id: number; readonly error: string };
