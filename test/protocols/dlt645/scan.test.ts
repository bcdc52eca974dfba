import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFrame, encodeFrame, type Frame, WILDCARD } from '../../../protocols/dlt645/frame.ts'
import { addressOf, hear, knockDlt645, type SearchOptions, searchAddresses } from '../../../protocols/dlt645/scan.ts'
import { bytesOf, type ScanStrategy } from '../../../src/core/index.ts'

interface Bus {
  /** The whole window after a request: answers laid over each other, a zero wins. */
  answer(request: Uint8Array): Uint8Array
  readonly asked: Uint8Array[]
}

interface MeterOptions {
  readonly variant?: '2007' | '1997'
  /** Repeats the wildcard instead of its own address. */
  readonly echoes?: boolean
  /** Same data in every meter: the hardest to tell apart. */
  readonly alike?: boolean
  /** Refuses everything but its own address. */
  readonly poor?: boolean
}

/** Meters on one pair of wires, made here from the frame alone. */
const busOf = (addresses: readonly string[], options: MeterOptions = {}): Bus => {
  const asked: Uint8Array[] = []
  const read = (options.variant ?? '2007') === '2007' ? 0x11 : 0x01
  const one = (own: string, { address, control, data }: Frame): Uint8Array | null => {
    const from = options.echoes ? address : own
    const pairs = bytesOf(own)!.reverse()
    if (control === 0x13 && read === 0x11) return encodeFrame({ address: from, control: 0x93, data: pairs }, 0)
    if (control !== read) return null
    const di = [...data].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    if (di === '01040004') return encodeFrame({ address: from, control: 0x91, data: Uint8Array.of(...data, ...pairs) }, 0)
    if (options.poor) return encodeFrame({ address: from, control: 0xc0 | read, data: Uint8Array.of(2) }, 0)
    const seed = options.alike ? 0 : Number(own) % 9973
    const value = [seed % 100, Math.floor(seed / 100) % 100, (seed * 7) % 100, 0].map((n) => Math.floor(n / 10) * 16 + (n % 10))
    return encodeFrame({ address: from, control: 0x80 | read, data: Uint8Array.of(...data, ...value) }, 0)
  }
  return {
    asked,
    answer: (request) => {
      asked.push(request)
      const frame = decodeFrame(request, request.indexOf(0x68))
      if (!frame.ok) return new Uint8Array(0)
      const meant = new RegExp(`^${frame.value.address.replaceAll('AA', '..')}$`)
      const answers = addresses.flatMap((own) => {
        const answer = meant.test(own) ? one(own, frame.value) : null
        return answer ? [answer] : []
      })
      if (answers.length === 0) return new Uint8Array(0)
      return answers.reduce((a, b) =>
        Uint8Array.from({ length: Math.max(a.length, b.length) }, (_, at) => (a[at] ?? 0xff) & (b[at] ?? 0xff)),
      )
    },
  }
}

const run = <T>(strategy: ScanStrategy<T>, bus: Bus): T => {
  let step = strategy.next()
  while (!step.done) step = strategy.next(bus.answer(step.value.bytes))
  return step.value
}

const search = (bus: Bus, options: Partial<SearchOptions> = {}, variant: '2007' | '1997' = '2007') => {
  const told: string[] = []
  const result = run(
    searchAddresses(variant, {
      checks: 4,
      below: false,
      insist: false,
      found: (address, proofs) => {
        expect(proofs.length).toBe(2)
        for (const { tx, rx } of proofs) expect(tx.length * rx.length).toBeGreaterThan(0)
        told.push(address)
      },
      ...options,
    }),
    bus,
  )
  expect([...told].sort()).toEqual(result.addresses)
  return { ...result, questions: bus.asked.length }
}

/** Endings that two or more addresses share: each costs a hundred questions. */
const crowded = (addresses: readonly string[]): number => {
  let count = 0
  for (let digits = 0; digits < 12; digits += 2) {
    const endings = new Map<string, number>()
    for (const address of addresses) endings.set(address.slice(12 - digits), (endings.get(address.slice(12 - digits)) ?? 0) + 1)
    count += [...endings.values()].filter((meters) => meters > 1).length
  }
  return count
}

const digits = (most: number) => fc.integer({ min: 0, max: most }).map((value) => String(value).padStart(12, '0'))
/** Anywhere, next to each other, and differing in high pairs only. */
const address = fc.oneof(
  digits(999_999_999_998),
  fc.integer({ min: 1, max: 60 }).map((nth) => `2026081500${String(nth).padStart(2, '0')}`),
  fc
    .tuple(fc.integer({ min: 0, max: 98 }), fc.integer({ min: 0, max: 99 }))
    .map(([a, b]) => `${String(a).padStart(2, '0')}${String(b).padStart(2, '0')}00000042`),
)

describe.each(['2007', '1997'] as const)('shortened addresses of DL/T 645-%s', (variant) => {
  it('finds every meter of a line, with a bounded number of questions', () => {
    fc.assert(
      fc.property(fc.uniqueArray(address, { maxLength: 40 }), (addresses) => {
        const result = search(busOf(addresses, { variant }), {}, variant)
        expect(result.addresses).toEqual([...addresses].sort())
        expect(result.doubled).toEqual([])
        expect(result.questions).toBeLessThanOrEqual(8 + 102 * crowded(addresses) + 12 * addresses.length)
      }),
      { numRuns: 25, endOnFailure: true },
    )
  })

  it('asks nothing but reads', () => {
    const bus = busOf(['000000000001', '000000000101', '202608150042'], { variant })
    search(bus, { below: true, insist: true }, variant)
    const allowed = variant === '2007' ? [0x11, 0x13] : [0x01]
    for (const request of bus.asked) expect(allowed).toContain(request[request.indexOf(0x68) + 8])
  })
})

it('finds 32 meters with neighbouring addresses in about 300 questions', () => {
  const addresses = Array.from({ length: 32 }, (_, nth) => String(202608150001 + nth))
  const { questions, ...result } = search(busOf(addresses), { checks: 2 })
  expect(result).toEqual({ addresses, doubled: [], unresolved: [], noisy: false })
  expect(questions).toBeLessThan(270)
})

it('is done with one meter after a handful of questions', () => {
  const { questions, addresses } = search(busOf(['202608150042']), { checks: 2 })
  expect(addresses).toEqual(['202608150042'])
  expect(questions).toBe(5)
})

it('finds meters that repeat the wildcard, and meters that refuse every item', () => {
  const addresses = ['000000000042', '202608150017', '999000000043']
  expect(search(busOf(addresses, { echoes: true })).addresses).toEqual(addresses)
  expect(search(busOf(addresses, { poor: true })).addresses).toEqual(addresses)
})

it('finds, one step further down, a meter whose every answer a stronger one covers', () => {
  // 01 and 03 in the second pair: all bits that are zero in one are zero in the other, and the data are the same.
  const addresses = ['000000000142', '000000000342']
  const covering: Bus = {
    asked: [],
    answer: (request) => {
      covering.asked.push(request)
      const [strong, weak] = addresses.map((own) => busOf([own]).answer(request))
      return strong!.length > 0 ? strong! : weak!
    },
  }
  expect(search(covering, { insist: true }).addresses).toEqual(['000000000142'])
  expect(search(covering, { below: true }).addresses).toEqual(addresses)
})

it('does not take two answers laid over each other for a third meter', () => {
  const phantom: Bus = {
    asked: [],
    answer: (request) => {
      const asked = decodeFrame(request, request.indexOf(0x68))
      const isWild = asked.ok && asked.value.address.includes('A')
      return isWild
        ? encodeFrame({ address: '000000000011', control: 0x91, data: bytesOf('01 04 00 04 11 00 00 00 00 00')! })
        : new Uint8Array(0)
    },
  }
  expect(search(phantom).addresses).toEqual([])
})

it('names an address that two meters share', () => {
  const twins: Bus = {
    asked: [],
    answer: (request) => {
      const answer = busOf(['000000000042']).answer(request)
      if (answer.length > 3) answer[answer.length - 3]! ^= 0x41
      return answer
    },
  }
  expect(search(twins)).toMatchObject({ addresses: [], doubled: ['000000000042'] })
})

it('says when somebody is there whom no shortened address reaches', () => {
  const deaf: Bus = {
    asked: [],
    answer: (request) => {
      const asked = decodeFrame(request, request.indexOf(0x68))
      return asked.ok && asked.value.address === WILDCARD ? bytesOf('68 12 34')! : new Uint8Array(0)
    },
  }
  expect(search(deaf)).toMatchObject({ addresses: [], unresolved: [WILDCARD] })
})

it('gives up on a line that babbles whatever is asked', () => {
  const babble: Bus = { asked: [], answer: (request) => Uint8Array.of(0x55, 0x13, babble.asked.push(request) & 0x7f) }
  expect(search(babble)).toMatchObject({ addresses: [], noisy: true })
  expect(babble.asked.length).toBeLessThan(40)
})

it('hears answers of several meters one after another', () => {
  const frames = ['000000000001', '000000000002'].map((own) => encodeFrame({ address: own, control: 0x93, data: bytesOf(own)!.reverse() }))
  const both = Buffer.concat(frames)
  expect(hear(both)).toMatchObject({ damaged: false, frames: [{ address: '000000000001' }, { address: '000000000002' }] })
  expect(hear(both).frames.map(addressOf)).toEqual(['000000000001', '000000000002'])
  expect(hear(Buffer.concat([both, Uint8Array.of(0x31)])).damaged).toBe(true)
})

it('takes damaged bytes for somebody, silence for nobody', () => {
  const always = (bytes: Uint8Array): Bus => ({ asked: [], answer: () => bytes })
  expect(run(knockDlt645('2007'), always(new Uint8Array(0)))).toBe('silent')
  expect(run(knockDlt645('1997'), always(Uint8Array.of(0x12, 0x80)))).toBe('damaged')
  expect(run(knockDlt645('2007'), busOf(['202608150042']))).toBe('somebody')
})
