import { type Anchor, type BenchContext, median, NotHere } from './anchor.ts'
import { measureInflux } from './influx.ts'
import { FULL_SIZE, type Measured, measureStoreBytes, measureStoreQueries, measureStoreWrites, QUICK_SIZE } from './store.ts'

type Context = Pick<BenchContext, 'quick' | 'onEnd' | 'log'>

const sizeOf = ({ quick }: Context) => (quick ? QUICK_SIZE : FULL_SIZE)

/** InfluxDB's figures take minutes and are the same for A5, A6 and A7: measured once in a process. */
const known = new Map<boolean, Promise<readonly Measured[]>>()
const influxFigures = (context: Context): Promise<readonly Measured[]> => {
  let figures = known.get(context.quick)
  if (!figures) {
    figures = measureInflux(context, sizeOf(context))
    known.set(context.quick, figures)
  }
  return figures
}

const figureOf = (figures: readonly Measured[], name: string): number => {
  const found = figures.find((one) => one.name === name)
  if (!found) throw new Error(`${name} was not measured; there are: ${figures.map((figure) => figure.name).join(', ')}`)
  return found.value
}

/** The other figures of the same measurement. */
const others = (figures: readonly Measured[], name: string): Readonly<Record<string, number>> =>
  Object.fromEntries(figures.flatMap((figure) => (figure.name === name ? [] : [[`${figure.name}, ${figure.unit}`, figure.value]])))

const rowsOf = ({ meters, steps }: { meters: number; steps: number }): string => `${meters * steps} rows of ${meters} meters`

/** A5: durable rows a second. Ours is the median of three fills, InfluxDB's the mean over the same rows. */
export const embeddedRate: Anchor = {
  id: 'A5',
  title: 'embedded store: durable rows/s, 12 values each ÷ InfluxDB raw /write',
  better: 'higher',
  must: 6,
  goal: 10,
  async run(context) {
    const reference = figureOf(await influxFigures(context), 'InfluxDB raw rows')
    const fills: number[] = []
    let rest: Readonly<Record<string, number>> = {}
    for (let round = 0; round < 3; round++) {
      const figures = await measureStoreWrites(sizeOf(context))
      fills.push(figureOf(figures, 'embedded rows'))
      rest = others(figures, 'embedded rows')
      context.log(`round ${round + 1}: ${Math.round(fills.at(-1)!)} rows/s`)
    }
    const ours = median(fills)
    return { ours, reference, ratio: ours / reference, unit: 'rows/s', detail: { over: rowsOf(sizeOf(context)), ...rest } }
  },
}

/** Both halves of A6 come from one fill. */
const byteFigures = new Map<boolean, Promise<readonly Measured[]>>()
const storeBytes = (context: Context): Promise<readonly Measured[]> => {
  let figures = byteFigures.get(context.quick)
  if (!figures) {
    figures = measureStoreBytes(sizeOf(context))
    byteFigures.set(context.quick, figures)
  }
  return figures
}

const embeddedBytes = (state: 'hot' | 'cold', must: number, goal: number): Anchor => ({
  id: `A6 ${state}`,
  title: `embedded store: bytes a value, ${state === 'hot' ? 'as written' : 'packed'} ÷ InfluxDB fully compacted`,
  better: 'lower',
  must,
  goal,
  async run(context) {
    // Compaction begins when a shard has been cold for a while and needs enough rows to be worth anything.
    if (context.quick) throw new NotHere('needs the full size')
    const influx = await influxFigures(context)
    const ours = figureOf(await storeBytes(context), `embedded ${state}`)
    const reference = figureOf(influx, 'InfluxDB compacted')
    const detail = { over: rowsOf(sizeOf(context)), 'InfluxDB as written': figureOf(influx, 'InfluxDB fresh') }
    return { ours, reference, ratio: ours / reference, unit: 'bytes/value', detail }
  },
})
export const embeddedHot = embeddedBytes('hot', 0.75, 0.7)
export const embeddedCold = embeddedBytes('cold', 0.3, 0.25)

const queryFigures = new Map<boolean, Promise<readonly Measured[]>>()
const storeQueries = (context: Context): Promise<readonly Measured[]> => {
  let figures = queryFigures.get(context.quick)
  if (!figures) {
    figures = measureStoreQueries(sizeOf(context))
    queryFigures.set(context.quick, figures)
  }
  return figures
}

const embeddedQuery = (id: string, question: string, mine: string, theirs: string, must: number, goal: number): Anchor => ({
  id,
  title: `${question}: InfluxDB's time ÷ ours`,
  better: 'higher',
  must,
  goal,
  async run(context) {
    const reference = figureOf(await influxFigures(context), theirs)
    const figures = await storeQueries(context)
    const ours = figureOf(figures, mine)
    return { ours, reference, ratio: reference / ours, unit: 'ms', detail: { over: rowsOf(sizeOf(context)), ...others(figures, mine) } }
  },
})
export const embeddedLatest = embeddedQuery(
  'A7 latest',
  'latest of all meters, 12 values each',
  'latest of all meters, 12 values each',
  'InfluxDB latest of all meters, 12 values each',
  30,
  200,
)
export const embeddedEnergy = embeddedQuery(
  'A7 energy',
  'energy by area and day, first time it is asked',
  'energy by area and day, first time',
  'InfluxDB energy by area and day',
  50,
  1000,
)
