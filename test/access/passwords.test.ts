import { expect, it } from 'vitest'
import { COST, checkNewPassword, hashPassword, isOutdated, verifyPassword } from '../../src/access/index.ts'
import { CHEAP, GOOD } from './support.ts'

const refusal = (password: string, about: readonly string[] = []): string | null => {
  const checked = checkNewPassword(password, about)
  return checked.ok ? null : `${checked.error.code} ${checked.error.message}`
}

it('takes twelve characters and more of any kind', () => {
  for (const password of [GOOD, 'Xk8!pQ2m#Lw7', '紫罗兰电车在玻璃下面慢慢走', 'a'.repeat(3) + GOOD, '🐈🐕🐇🐢🐍🐎🐖🐓🐄🐐🐑🐪'])
    expect([password, refusal(password)]).toEqual([password, null])
})

it.each([
  ['', 'ACCESS_PASSWORD the password has 0 characters, it needs 12'],
  ['Xk8!pQ2m#Lw', 'ACCESS_PASSWORD the password has 11 characters, it needs 12'],
  ['é'.normalize('NFD').repeat(11), 'ACCESS_PASSWORD the password has 11 characters, it needs 12'],
  ['x1'.repeat(200), 'ACCESS_PASSWORD the password has 400 characters, at most 256 are taken'],
  ['Password1234', 'ACCESS_PASSWORD the password is one of those that are tried first'],
  ['P@ssw0rd!!!!!', 'ACCESS_PASSWORD the password is one of those that are tried first'],
  ['woaini1314520', 'ACCESS_PASSWORD the password is one of those that are tried first'],
  ['admin-20261120', 'ACCESS_PASSWORD the password is one of those that are tried first'],
  ['ｐａｓｓｗｏｒｄ１２３４', 'ACCESS_PASSWORD the password is one of those that are tried first'],
  ['aaaaaaaaaaaaaaa', 'ACCESS_PASSWORD the password is a short text over and over'],
  ['x9Kx9Kx9Kx9K', 'ACCESS_PASSWORD the password is a short text over and over'],
  ['234567890123', 'ACCESS_PASSWORD the password is a run of keys'],
  ['poiuytrewqpp', null],
  ['asdfghjklzxc', 'ACCESS_PASSWORD the password is a run of keys'],
])('%s', (password, text) => expect(refusal(password)).toBe(text))

it('is not the user’s name with a year', () => {
  expect(refusal('wang.xiaoming2026', ['wang.xiaoming'])).toBeNull()
  expect(refusal('wangxiaoming2026', ['wangxiaoming'])).toBe('ACCESS_PASSWORD the password is hardly more than the name "wangxiaoming"')
  expect(refusal('wangxiaoming under glass', ['wangxiaoming'])).toBeNull()
})

it('knows the password again, and no other', async () => {
  const stored = await hashPassword(GOOD, CHEAP)
  expect(stored).toMatch(/^\$scrypt\$ln=4,r=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(await verifyPassword(GOOD, stored, CHEAP)).toBe(true)
  for (const other of ['', `${GOOD} `, GOOD.toUpperCase(), GOOD.slice(0, -1), `${GOOD}${'x'.repeat(100_000)}`])
    expect(await verifyPassword(other, stored, CHEAP)).toBe(false)
  expect(await hashPassword(GOOD, CHEAP)).not.toBe(stored)
})

it('a text longer than any password is none, whatever was kept', async () => {
  for (const kept of ['', GOOD]) expect(await verifyPassword('x'.repeat(5000), await hashPassword(kept, CHEAP), CHEAP)).toBe(false)
})

it('takes a character however a keyboard composes it', async () => {
  const stored = await hashPassword('café über naïve'.normalize('NFC'), CHEAP)
  expect(await verifyPassword('café über naïve'.normalize('NFD'), stored, CHEAP)).toBe(true)
})

it('says no without a user, and to what is damaged', async () => {
  for (const stored of [
    null,
    '',
    'plain text',
    `$scrypt$ln=60,r=8,p=3$${'A'.repeat(22)}$${'A'.repeat(43)}`,
    `$scrypt$ln=4,r=0,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
  ])
    expect(await verifyPassword(GOOD, stored, CHEAP)).toBe(false)
})

it('is hashed again when the cost has grown', async () => {
  const stored = await hashPassword(GOOD, CHEAP)
  expect(isOutdated(stored, CHEAP)).toBe(false)
  expect(isOutdated(stored)).toBe(true)
  expect(isOutdated('')).toBe(true)
})

it('costs what is written down', () =>
  expect({ ...COST, bytes: 128 * 2 ** COST.logN * COST.r }).toEqual({ logN: 15, r: 8, p: 3, bytes: 2 ** 25 }))
