import { createHash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { ok, type Result } from '../core/index.ts'
import { accessFailure } from './errors.ts'
import { KNOWN_BAD } from './known-bad.ts'

/** Cost of scrypt: N = 2^logN; 128·N·r bytes of memory, p rounds one after the other. */
export interface Cost {
  readonly logN: number
  readonly r: number
  readonly p: number
}

/**
 * 32 MB and 0.3 s on a shared 2-core Xeon where 2^17·8·1 (128 MB) takes 0.45 s and 2^14·8·5 (16 MB) takes 0.32 s: little enough memory
 * for a plant PC that checks two at once.
 *
 * @source OWASP Password Storage Cheat Sheet: N=2^15, r=8, p=3 is one of its equal choices; RFC 7914
 */
export const COST: Cost = { logN: 15, r: 8, p: 3 }

/** @source NIST SP 800-63B and IEC 62443-4-2 CR 1.7: length counts, not kinds of characters; the rule of this house is 12 */
export const LEAST_CHARACTERS = 12
/** More is no safer, and somebody has to compute it. */
export const MOST_CHARACTERS = 256
const KEY_BYTES = 32
const SALT_BYTES = 16
const STORED = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,86})\$([A-Za-z0-9+/]{43})$/

/** The same characters however a keyboard composes them. */
const normal = (password: string): string => password.normalize('NFKC')

/** Whether a text is one short text over and over (`abcabcabcabc`). */
const repeats = (text: string): boolean => {
  const at = (text + text).indexOf(text, 1)
  return at <= text.length / 2
}

const LOOKS_LIKE: Readonly<Record<string, string>> = { '@': 'a', $: 's', '0': 'o', '1': 'l', '3': 'e', '4': 'a', '5': 's', '7': 't' }
const RUNS = [
  '01234567890123456789',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiopasdfghjklzxcvbnm',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm',
  'qazwsxedcrfvtgbyhnujmikolp',
]
const isRun = (text: string): boolean => RUNS.some((run) => run.includes(text) || [...run].reverse().join('').includes(text))

/** What is wrong with a new password; null: nothing. `about`: names it must not be made of (user, house). */
const passwordProblem = (password: string, about: readonly string[]): string | null => {
  const text = normal(password)
  const { length } = [...text]
  if (length < LEAST_CHARACTERS) return `the password has ${length} characters, it needs ${LEAST_CHARACTERS}`
  if (length > MOST_CHARACTERS) return `the password has ${length} characters, at most ${MOST_CHARACTERS} are taken`
  const lower = text.toLowerCase()
  const bare = lower.replace(/[^\p{L}\p{N}]/gu, '')
  // Digits and signs put round a word, or for letters that look like them, make no other word of it.
  const spelt = lower.replace(/[@$013457]/g, (sign) => LOOKS_LIKE[sign] ?? sign)
  const cores = [lower, spelt].map((each) => each.replace(/[^\p{L}\p{N}]/gu, '').replace(/^\p{N}+|\p{N}+$/gu, ''))
  if ([lower, bare, ...cores].some((each) => KNOWN_BAD.has(each))) return 'the password is one of those that are tried first'
  if (repeats(lower)) return 'the password is a short text over and over'
  if (bare.length > 0 && isRun(bare)) return 'the password is a run of keys'
  const name = about.map((each) => normal(each).toLowerCase()).find((each) => each.length >= 3 && bare.replaceAll(each, '').length < 6)
  return name === undefined ? null : `the password is hardly more than the name "${name}"`
}

/**
 * Whether a password may be used.
 *
 * @param about  names it must not be made of: the user's
 * @errors       ACCESS_PASSWORD
 */
export const checkNewPassword = (password: string, about: readonly string[] = []): Result<string> => {
  const problem = passwordProblem(password, about)
  return problem === null ? ok(password) : accessFailure('ACCESS_PASSWORD', problem)
}

const derive = (password: string, salt: Buffer, { logN, r, p }: Cost): Promise<Buffer> => {
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r }
  return new Promise((resolve, reject) => {
    scrypt(normal(password), salt, KEY_BYTES, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

/** What is kept of a password: `$scrypt$ln=15,r=8,p=3$SALT$KEY`. Takes {@link COST} in Node's thread pool. */
export const hashPassword = async (password: string, cost: Cost = COST): Promise<string> => {
  const salt = randomBytes(SALT_BYTES)
  return `$scrypt$ln=${cost.logN},r=${cost.r},p=${cost.p}$${base64(salt)}$${base64(await derive(password, salt, cost))}`
}

const parse = (stored: string) => {
  const [, logN = '', r = '', p = '', salt = '', key = ''] = STORED.exec(stored) ?? []
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) }
  // A damaged or planted figure must not hang the gateway or take all its memory.
  const isSane = cost.logN >= 1 && cost.logN <= 18 && cost.r >= 1 && cost.r <= 16 && cost.p >= 1 && cost.p <= 16
  return isSane ? { cost, salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') } : null
}

/**
 * Whether a password is the one that was kept. Without one (`stored` null: no such user) the same is computed and the answer is no, so
 * that the time says nothing.
 *
 * @param cost  what is computed when there is nothing to compare with
 */
export const verifyPassword = async (password: string, stored: string | null, cost: Cost = COST): Promise<boolean> => {
  const known = stored === null ? null : parse(stored)
  // A text longer than any password that was ever taken costs no more than one.
  const isOverlong = password.length > 4 * MOST_CHARACTERS
  const shown = await derive(isOverlong ? '' : password, known?.salt ?? Buffer.alloc(SALT_BYTES), known?.cost ?? cost)
  const isSame = timingSafeEqual(digest(shown), digest(known?.key ?? Buffer.alloc(KEY_BYTES)))
  return isSame && known !== null && !isOverlong
}

const digest = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()

/** Whether a kept password should be hashed again at the next login, because it was made with another cost. */
export const isOutdated = (stored: string, { logN, r, p }: Cost = COST): boolean => {
  const known = parse(stored)
  return known === null || known.cost.logN !== logN || known.cost.r !== r || known.cost.p !== p
}
