import { plainField } from '../../simulators/answering.ts'
import { dlt645Bus } from '../../simulators/dlt645/line.ts'
import { type Dlt645Meter, dlt645Meter } from '../../simulators/dlt645/meter.ts'
import { Instrument } from '../../simulators/instrument.ts'
import { loneTrace } from '../../simulators/meters.ts'
import { addressMeter, type ModbusMeter, modbusMeter } from '../../simulators/modbus/meter.ts'
import { loadMapProfile } from '../../simulators/modbus/profile.ts'
import { rtuBus, serveBytes } from '../../simulators/modbus/rtu.ts'
import { openWire, type Pace, type Wire } from '../../simulators/wire.ts'
import { type Clock, systemClock } from '../../src/core/index.ts'
import { memoryTransport, type Transport } from '../../src/transport/index.ts'

/** Simulated meters that share one pair of wires. */
export interface MixedBus {
  readonly units?: Readonly<Record<number, string>>
  readonly dlt645?: readonly { readonly address: string; readonly variant?: '2007' | '1997'; readonly phases?: 1 | 3 }[]
  readonly clock?: Clock
}

const seedOf = (text: string): number => [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7)

/** What listens on a wire: both protocols hear every byte, as they do on a real one. */
export const mixedBus = ({ units = {}, dlt645 = [], clock = systemClock }: MixedBus) => {
  const field = plainField(clock)
  const modbus = new Map<number, ModbusMeter>()
  for (const [unit, profile] of Object.entries(units)) {
    if (profile === 'address') {
      modbus.set(Number(unit), addressMeter(`U${unit}`))
      continue
    }
    const map = loadMapProfile(profile)
    const phases = map.registers.some(({ obis }) => obis === '1-0:52.7.0') ? 3 : 1
    const instrument = new Instrument({ id: `U${unit}`, seed: seedOf(unit), trace: loneTrace(1, phases), ct: 1, pt: 1 })
    modbus.set(Number(unit), modbusMeter(map, instrument, { unit: Number(unit), strictHoles: false }))
  }
  const meters: Dlt645Meter[] = dlt645.map(({ address, variant = '2007', phases = 1 }) =>
    dlt645Meter({
      instrument: new Instrument({ id: address, seed: seedOf(address), trace: loneTrace(1, phases), ct: 1, pt: 1 }),
      address,
      variant,
    }),
  )
  return (wire: Wire) => {
    let rtu = rtuBus(field, 'bus', modbus, wire)
    let lastAt = 0
    const dlt = dlt645Bus({ field, line: 'bus', meters }, wire)
    return {
      take: (bytes: Uint8Array) => {
        // A Modbus unit ends a frame by silence: bytes of the other protocol never become the head of a request.
        if (performance.now() - lastAt > 4) rtu = rtuBus(field, 'bus', modbus, wire)
        lastAt = performance.now()
        rtu.take(bytes)
        dlt.take(bytes)
      },
    }
  }
}

/** The bus behind a transparent serial server; every byte it heard is kept. */
export const serveMixed = async (bus: MixedBus, pace: Pace = {}) => {
  const requests: Uint8Array[] = []
  const attach = mixedBus(bus)
  const listener = await serveBytes('127.0.0.1', 0, pace, (wire) => {
    const end = attach(wire)
    return {
      take: (bytes) => {
        requests.push(Uint8Array.from(bytes))
        end.take(bytes)
      },
    }
  })
  return { ...listener, requests }
}

/** A serial line whose meters hear nothing but their own speed and format; the wrong speed gives a little noise back. */
export const serialLine = (buses: Readonly<Record<string, MixedBus>>) => {
  const requests: { readonly setting: string; readonly bytes: Uint8Array }[] = []
  const attached = new Map(Object.entries(buses).map(([setting, bus]) => [setting, mixedBus(bus)]))
  let nth = 0
  return {
    requests,
    transport: (setting: string): Transport => {
      const { transport, far } = memoryTransport(setting)
      const wire = openWire((bytes) => far.send(bytes))
      const end = attached.get(setting)?.(wire)
      far.onBytes = (bytes) => {
        requests.push({ setting, bytes: Uint8Array.from(bytes) })
        if (end) end.take(bytes)
        else if (nth++ % 7 === 0) far.send(Uint8Array.of(0x80, nth & 0xff, 0xfe))
      }
      return transport
    },
  }
}
