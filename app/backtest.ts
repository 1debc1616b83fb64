/** A data set through the live stages, judged by what happened: the work behind `millwright backtest`. */
import { type AlertBounds, scoreAlerts } from '../backtest/alert-score.js';
import { type Baseline, judgeBaseline } from '../backtest/baselines/baseline.js';
import { fitAgeWeibull } from '../backtest/baselines/age-weibull.js';
import { fitMarginal } from '../backtest/baselines/marginal.js';
import { fitSmoothedLinear } from '../backtest/baselines/smoothed-linear.js';
import type { Observation } from '../backtest/observation.js';
import { type ReplayResult, replay } from '../backtest/replay.js';
import { type BacktestReport, makeReport } from '../backtest/report.js';
import { judgeForecasts, type Selection } from '../backtest/rows.js';
import type { Dataset, MachineRecord } from '../domain/dataset.js';
import type { History, Predictor } from '../domain/features.js';
import type { MachineType } from '../domain/machine-type.js';
import { countSteps, makeStepCalendar } from '../stream/step-calendar.js';
import type { Deployment } from './config.js';
