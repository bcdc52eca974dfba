import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loginThrottle, THROTTLE_RULES } from '../../src/access/index.ts'
import { addressKey } from '../../src/access/throttle.ts'
import { MINUTE } from './support.ts'

const attacker = (at: number, of: number) => ({ account: 'admin', address: `127.0.${1 + (at % of)}.9`, isKnown: false })

/** 5,000 tries of one account in each of `minutes` minutes, from so many addresses; all wrong. @returns when a check was allowed */
const attack = (throttle: ReturnType<typeof loginThrottle>, addresses: number, minutes: number, from = 0): number[] => {
  const allowed: number[] = []
  for (let at = 0; at < 5000 * minutes; at++) {
    const now = from + at * 12
    const each = attacker(at, addresses)
    if (!throttle.ask(each, now).ok) continue
    allowed.push(now)
    throttle.failed(each, now)
  }
  return allowed
}
const mostInAMinute = (times: readonly number[]): number =>
  Math.max(0, ...times.map((start) => times.filter((at) => at >= start && at < start + MINUTE).length))

describe.each([1, 100])('5,000 log-ins a minute from %i addresses', (addresses) => {
  it('are at most ten checks a minute, and hardly any after a while', () => {
    const throttle = loginThrottle()
    const checks = attack(throttle, addresses, 10)
    expect(mostInAMinute(checks)).toBeLessThanOrEqual(10)
    expect(checks.filter((at) => at >= 5 * MINUTE).length).toBeLessThan(addresses === 1 ? 6 : 40)
  })

  it('do not keep out an administrator at the device he uses', () => {
    const throttle = loginThrottle()
    attack(throttle, addresses, 1)
    // Even where his device shares its address with an attacker.
    expect(throttle.ask({ ...attacker(0, addresses), isKnown: true }, MINUTE).ok).toBe(true)
    expect(throttle.ask({ account: 'Admin', address: '10.1.1.1', isKnown: true }, MINUTE).ok).toBe(true)
  })

  it('do not keep him out at a new place, for longer than a minute', () => {
    const throttle = loginThrottle()
    attack(throttle, addresses, 2)
    const honest = { account: 'admin', address: '10.1.1.1', isKnown: false }
    const asked = throttle.ask(honest, 2 * MINUTE)
    if (!asked.ok) {
      expect(asked.error).toMatchObject({ code: 'ACCESS_THROTTLED', recovery: 'wait' })
      const wait = Number(asked.error.context.retryAfterMs)
      expect(wait).toBeLessThanOrEqual(MINUTE)
      attack(throttle, addresses, 1, 2 * MINUTE)
      expect(throttle.ask(honest, 3 * MINUTE + wait).ok).toBe(true)
    }
  })
})

it('whoever mistypes waits, longer each time, and is never locked out for good', () => {
  const throttle = loginThrottle()
  const me = { account: 'li.na', address: '10.0.0.1', isKnown: true }
  let now = 0
  const waits: number[] = []
  for (let tries = 0; tries < 16; tries++) {
    const asked = throttle.ask(me, now)
    const wait = asked.ok ? 0 : Number(asked.error.context.retryAfterMs)
    waits.push(wait)
    now += wait
    if (wait > 0) expect(throttle.ask(me, now - 1).ok).toBe(false)
    if (wait > 0) expect(throttle.ask(me, now).ok).toBe(true)
    throttle.failed(me, now)
  }
  expect(waits.slice(0, 3)).toEqual([0, 0, 0])
  // 59 s: his four checks of that minute were used up.
  expect(waits.slice(3, 13)).toEqual([1000, 59_000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000])
  expect(Math.max(...waits)).toBe(THROTTLE_RULES.longestPauseMs)
  throttle.succeeded(me)
  now += MINUTE
  throttle.failed(me, now)
  expect(throttle.ask(me, now).ok).toBe(true)
})

it('one address that tries many accounts is slowed down as well', () => {
  const throttle = loginThrottle()
  let allowed = 0
  for (let at = 0; at < 2000; at++) {
    const each = { account: `user${at}`, address: '10.9.9.9', isKnown: false }
    if (!throttle.ask(each, at * 100).ok) continue
    throttle.failed(each, at * 100)
    allowed++
  }
  expect(allowed).toBeLessThan(25)
})

it('whoever has an account of his own tries others no faster with it', () => {
  const throttle = loginThrottle()
  let allowed = 0
  for (let at = 0; at < 2000; at++) {
    const own = { account: 'mallory', address: '10.9.9.9', isKnown: true }
    if (throttle.ask(own, at * 100).ok) throttle.succeeded(own)
    const each = { account: `user${at}`, address: '10.9.9.9', isKnown: false }
    if (!throttle.ask(each, at * 100).ok) continue
    throttle.failed(each, at * 100)
    allowed++
  }
  expect(allowed).toBeLessThan(25)
})

it('names and addresses that are made up cost a bounded number of checks and bounded memory', () => {
  const throttle = loginThrottle()
  let allowed = 0
  for (let at = 0; at < 40_000; at++) {
    const each = { account: `x${at}`, address: `2001:db8:${(at >> 8).toString(16)}:${(at & 255).toString(16)}::1`, isKnown: false }
    if (!throttle.ask(each, at).ok) continue
    throttle.failed(each, at)
    allowed++
  }
  const { fresh, other } = THROTTLE_RULES.overall
  expect(allowed).toBeLessThanOrEqual(fresh + other)
  expect(throttle.size().addresses).toBeLessThanOrEqual(THROTTLE_RULES.mostAddresses)
  expect(throttle.size().accounts).toBeLessThanOrEqual(allowed)
  // And a device that is known still gets in.
  expect(throttle.ask({ account: 'li.na', address: '10.0.0.1', isKnown: true }, 40_000).ok).toBe(true)
})

it('forgets accounts nobody tries any more', () => {
  const throttle = loginThrottle()
  for (let at = 0; at < 50; at++) throttle.ask({ account: `x${at}`, address: `10.0.${at}.1`, isKnown: false }, at * 5000)
  const before = throttle.size().accounts
  throttle.ask({ account: 'y', address: '10.1.0.1', isKnown: false }, 3_600_000)
  expect([before, throttle.size().accounts]).toEqual([50, 1])
})

it('never allows more than ten checks of an account in any minute, whatever comes', () => {
  const tries = fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 20_000 }),
      address: fc.integer({ min: 0, max: 40 }),
      isKnown: fc.boolean(),
      isRight: fc.boolean(),
    }),
    { maxLength: 300 },
  )
  fc.assert(
    fc.property(tries, (all) => {
      const throttle = loginThrottle()
      const allowed: number[] = []
      let now = 0
      for (const { wait, address, isKnown, isRight } of all) {
        now += wait >> 6
        const each = { account: 'admin', address: `10.0.0.${address}`, isKnown }
        const asked = throttle.ask(each, now)
        if (!asked.ok) {
          expect(Number(asked.error.context.retryAfterMs)).toBeGreaterThan(0)
          continue
        }
        allowed.push(now)
        if (isRight) throttle.succeeded(each)
        else throttle.failed(each, now)
      }
      expect(mostInAMinute(allowed)).toBeLessThanOrEqual(10)
    }),
    { numRuns: 300 },
  )
})

it('an address is a household: IPv4 as it is, IPv6 by its /64', () => {
  const keys = ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8:0:7::1', '2001:0DB8::7:a:b:c:d', 'fe80::1%eth0', '::1'].map(addressKey)
  expect(keys).toEqual(['10.0.0.1', '10.0.0.1', '2001:db8:0:7::/64', '2001:db8:0:7::/64', 'fe80:0:0:0::/64', '0:0:0:0::/64'])
})
