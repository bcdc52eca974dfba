/**
 * Our side of A1 and A2 as programs of their own, so that nothing of the bench shares their process.
 *
 *   node modbus-own.js client PORT SECONDS         one connection, one request after the other; prints round trips a second
 */

import { modbusTcp } from '../protocols/modbus/adapter.ts'
import { bindProtocol, PipelinedLine } from '../src/acquisition/index.ts'
import { anyAdapter, type Sample } from '../src/core/index.ts'
import { tcpTransport } from '../src/transport/index.ts'
import { meterOfSixty, SIXTY } from './meter-sixty.ts'

/** A gateway runs for months; what the compiler does in the first moments is not what is asked about. */
const WARM_UP_MS = 700

/** Every register must hold its own address. */
export const check = (samples: readonly Sample[]): void => {
  const raws = samples[0]?.raws ?? []
  for (let address = 0; address < SIXTY; address++)
    if (raws[address] !== address) throw new Error(`register ${address} was read as ${raws[address]}`)
}

const client = async (port: number, seconds: number): Promise<number> => {
  const line = new PipelinedLine(tcpTransport({ host: '127.0.0.1', port }), { id: 'bench' })
  const device = bindProtocol(anyAdapter(modbusTcp), line)({ id: 'bench', address: '1', profile: meterOfSixty, reactionMs: 2000 })
  const plan = device.plan({ kind: 'current' })
  if (!plan.ok) throw new Error(plan.error.message)
  await line.ready()
  const pollFor = async (ms: number): Promise<number> => {
    const began = performance.now()
    let done = 0
    do {
      for (let burst = 0; burst < 64; burst++, done++) {
        const samples = await device.read(plan.value, { tries: 1 })
        if (!samples.ok) throw new Error(samples.error.message)
        check(samples.value)
      }
    } while (performance.now() - began < ms)
    return (done * 1000) / (performance.now() - began)
  }
  await pollFor(WARM_UP_MS)
  const rate = await pollFor(seconds * 1000)
  line.close()
  return rate
}

const [, port = Number.NaN, seconds = Number.NaN] = process.argv.slice(2).map(Number)
process.stdout.write(`${Math.round(await client(port, seconds))}\n`)
