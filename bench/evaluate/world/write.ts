import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { DAY_MS, dateOf, type Seen, STEP_MS, slotsOf, timeOf, type World } from './world.ts'

/** Writes a world as a folder of labelled areas: readings, communication, ledger and truth in the form of the others. */
export const writeWorld = async (dir: string, world: World): Promise<void> => {
  mkdirSync(dir, { recursive: true })
  const seen = [...world.areas.map(({ gateway }) => gateway), ...world.meters.map((meter) => meter.seen)].toSorted((a, b) =>
    a.id < b.id ? -1 : 1,
  )
  const times = Array.from({ length: slotsOf(world) + 1 }, (_, row) => timeOf(world, world.start + row * STEP_MS))
  await writeGzip(join(dir, 'readings.csv.gz'), function* () {
    yield 'meter,time,impKwh,expKwh,ua,ub,uc,ia,ib,ic,in,pKw,pf\n'
    for (const of of seen) yield rowsOf(of, times)
  })
  const { comm } = world
  if (comm)
    await writeGzip(join(dir, 'comm.csv.gz'), function* () {
      yield 'target,hour,polls,ok,timeouts,crcErrors,addrErrors,latencyMs,snrDb,rssiDbm\n'
      for (const [target, counts] of [...comm].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        const rows: string[] = []
        for (let hour = 0; hour < world.days * 24; hour++) {
          const cells = [counts.polls, counts.ok, counts.timeouts, counts.crcErrors, counts.addrErrors, counts.latencyMs].map((one) =>
            whole(one[hour]),
          )
          const snr = counts.snrDb[hour] ?? Number.NaN
          rows.push(
            `${target},${times[hour * 4]},${cells.join(',')},${Number.isNaN(snr) ? '' : snr.toFixed(1)},${whole(counts.rssiDbm[hour])}\n`,
          )
        }
        yield rows.join('')
      }
    })
  writeFileSync(join(dir, 'ledger.json'), JSON.stringify(ledgerOf(world)))
  writeFileSync(join(dir, 'labels.json'), JSON.stringify(labelsOf(world)))
}

const writeGzip = async (path: string, parts: () => Generator<string>): Promise<void> => {
  const gzip = createGzip({ level: 1 })
  const file = gzip.pipe(createWriteStream(path))
  for (const part of parts()) if (!gzip.write(part)) await new Promise((resolve) => gzip.once('drain', resolve))
  gzip.end()
  await finished(file)
}

const whole = (value: number | undefined): string => (value === undefined || Number.isNaN(value) ? '' : String(Math.round(value)))
const cell = (column: Float32Array | null | undefined, slot: number, digits: number): string => {
  const value = column?.[slot]
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits)
}

/** Registers with two decimals, cut off as a face cuts them; instantaneous values of the slot that ends there. */
const rowsOf = (of: Seen, times: readonly string[]): string => {
  const rows: string[] = []
  const slots = times.length - 1
  const [imp, exp] = [summed(of.imp), of.exp ? summed(of.exp) : null]
  for (let row = 0; row <= slots; row++) {
    if (of.missing[row]) continue
    // What the meter's clock calls this time was then.
    const at = Math.min(slots, Math.max(0, row - (of.clockMs?.[row] ?? 0) / STEP_MS))
    const restart = of.restarts.findLast((one) => one.row <= at)
    const register = restart ? restart.imp + valueAt(imp, at) - valueAt(imp, restart.row) : of.baseImp + valueAt(imp, at)
    const exported = exp ? (restart ? valueAt(exp, at) - valueAt(exp, restart.row) : of.baseExp + valueAt(exp, at)) : null
    const slot = Math.round(at) - 1
    const three = (columns: readonly (Float32Array | null)[], digits: number) =>
      columns.map((column) => cell(column, slot, digits)).join(',')
    rows.push(
      `${of.id},${times[row]},${cut(register)},${exported === null ? '' : cut(exported)},${three(of.u, 1)},${three(of.i, 2)},${cell(of.iN, slot, 2)},${cell(of.p, slot, 3)},${cell(of.pf, slot, 2)}\n`,
    )
  }
  return rows.join('')
}

const cut = (kwh: number): string => (Math.floor(kwh * 100 + 1e-6) / 100).toFixed(2)

const summed = (steps: Float64Array): Float64Array => {
  const sums = new Float64Array(steps.length + 1)
  for (let slot = 0; slot < steps.length; slot++) sums[slot + 1] = (sums[slot] ?? 0) + (steps[slot] ?? 0)
  return sums
}

const valueAt = (sums: Float64Array, at: number): number => {
  const low = Math.floor(at)
  const [a, b] = [sums[low] ?? 0, sums[low + 1] ?? sums[low] ?? 0]
  return a + (b - a) * (at - low)
}

const ledgerOf = (world: World) => ({
  set: world.set,
  timezone: `UTC${world.offsetHours < 0 ? '-' : '+'}${Math.abs(world.offsetHours)}`,
  start: timeOf(world, world.start),
  end: timeOf(world, world.start + world.days * DAY_MS),
  readMinutes: 15,
  areas: world.areas.map(({ ledger }) => ledger),
  meters: world.meters.map(({ ledger }) => ledger),
  events: world.events.toSorted((a, b) => a.at - b.at).map(({ meter, at, event }) => ({ meter, time: timeOf(world, at), event })),
  ...(world.temperature
    ? { weather: { temperatureC: { start: timeOf(world, world.start), stepMinutes: 60, values: world.temperature } } }
    : {}),
})

const labelsOf = (world: World) => {
  const round = (values: Float64Array, digits: number) => [...values].map((value) => Number(value.toFixed(digits)))
  return {
    set: world.set,
    note: world.note,
    interval: { from: timeOf(world, world.start), to: timeOf(world, world.start + world.days * DAY_MS) },
    faults: world.faults.map((fault, index) => ({ id: `F${String(index + 1).padStart(2, '0')}`, to: dateOf(world, world.days), ...fault })),
    legit: world.legit,
    truth: {
      areas: Object.fromEntries(
        world.areas.map(({ id, truth: { input, technical, nonTechnical } }) => {
          const share = (part: Float64Array) => part.map((kwh, day) => (100 * kwh) / Math.max(1e-9, input[day] ?? 0))
          const lost = technical.map((kwh, day) => kwh + (nonTechnical[day] ?? 0))
          return [
            id,
            {
              inputKWh: round(input, 2),
              technicalKWh: round(technical, 2),
              nonTechnicalKWh: round(nonTechnical, 2),
              technicalPct: round(share(technical), 3),
              statLossPct: round(share(lost), 3),
            },
          ]
        }),
      ),
    },
    phases: Object.fromEntries(world.meters.map(({ seen, phase }) => [seen.id, phase])),
    membership: Object.fromEntries(world.meters.map(({ seen, area }) => [seen.id, area])),
  }
}
