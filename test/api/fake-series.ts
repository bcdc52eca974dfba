import type { ApiDeps, SeriesPort } from '../../src/api/index.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { openSeries } from '../../src/gateway/series.ts'

/** The real series, over what the fakes of readings, energy and loss say. */
export const fakeSeries = (of: () => Pick<ApiDeps, 'range' | 'energy' | 'areaLoss' | 'now'>): SeriesPort =>
  openSeries({
    days: new EnergyDays('Asia/Shanghai'),
    store: { range: (query) => of().range(query) },
    energy: { energy: (...asked) => of().energy(...asked) },
    loss: { areaLoss: (...asked) => of().areaLoss(...asked) },
    now: () => of().now(),
  })
