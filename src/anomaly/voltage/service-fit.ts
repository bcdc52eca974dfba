import { type Fit, solve } from './linear.ts'

/**
 * Least squares of a column on 1 and others over [from, to), every `step`-th slot. The rows that are known are put side by side first: sums of products
 * are then made pair by pair, each in the order of the slots.
 */
export const regress = (y: Float32Array, columns: readonly Float32Array[], from: number, to: number, step: number): Fit | null => {
  const size = columns.length + 1
  const width = size + 1
  const most = Math.max(0, Math.ceil((to - from) / step))
  const dense = [...columns, y].map((column, place) => {
    const out = roomOf(place, most)
    for (let at = 0, slot = from; slot < to; at++, slot += step) out[at] = column[slot]!
    return out
  })
  const rows = knownRows(dense, most)
  const sums = new Float64Array(width * width)
  sums[0] = rows
  for (let b = 1; b < width; b++) sums[b] = sumOf(dense[b - 1]!, rows)
  for (let a = 1; a < width; a += 2) {
    const left = dense[a - 1]!
    const right = dense[a] ?? left
    sums[a * width + a] = productOf(left, left, rows)
    let b = a + 1
    for (; b + 1 < width; b += 2) fourProducts(left, right, dense[b - 1]!, dense[b]!, rows, sums, a * width + b, (a + 1) * width + b)
    if (b < width) {
      sums[a * width + b] = productOf(left, dense[b - 1]!, rows)
      if (a + 1 < width) sums[(a + 1) * width + b] = productOf(right, dense[b - 1]!, rows)
    }
  }
  const ridge = Array.from({ length: size }, (_, at) => (at === 0 ? 0 : 1e-3))
  return rows >= 10 * size ? solve({ size, rows, sums }, ridge) : null
}

/** Room for columns side by side, used again: every customer is fitted every day. */
const rooms: Float64Array[] = []

const roomOf = (place: number, length: number): Float64Array => {
  const known = rooms[place]
  if (known && known.length >= length) return known
  const made = new Float64Array(length)
  rooms[place] = made
  return made
}

/** Moves the rows in which every column is known to the front; returns how many they are. */
const knownRows = (columns: readonly Float64Array[], length: number): number => {
  const unknown = new Uint8Array(length)
  for (const column of columns) for (let row = 0; row < length; row++) if (Number.isNaN(column[row]!)) unknown[row] = 1
  const gap = unknown.indexOf(1)
  if (gap < 0) return length
  let rows = gap
  for (const column of columns) {
    rows = gap
    for (let row = gap; row < length; row++) if (unknown[row] === 0) column[rows++] = column[row]!
  }
  return rows
}

const sumOf = (x: Float64Array, rows: number): number => {
  let sum = 0
  for (let row = 0; row < rows; row++) sum += x[row]!
  return sum
}

const productOf = (x: Float64Array, y: Float64Array, rows: number): number => {
  let sum = 0
  for (let row = 0; row < rows; row++) sum += x[row]! * y[row]!
  return sum
}

/** Four sums in one pass, two columns by two: they wait for each other less than one does for itself. */
const fourProducts = (
  x: Float64Array,
  y: Float64Array,
  a: Float64Array,
  b: Float64Array,
  rows: number,
  out: Float64Array,
  ofX: number,
  ofY: number,
): void => {
  let xa = 0
  let xb = 0
  let ya = 0
  let yb = 0
  for (let row = 0; row < rows; row++) {
    const one = x[row]!
    const two = y[row]!
    const left = a[row]!
    const right = b[row]!
    xa += one * left
    xb += one * right
    ya += two * left
    yb += two * right
  }
  out[ofX] = xa
  out[ofX + 1] = xb
  out[ofY] = ya
  out[ofY + 1] = yb
}

/** What is left over of a column; single precision from term to term, as the columns are. */
export const restOf = (y: Float32Array, columns: readonly Float32Array[], { beta }: Fit, from: number, to: number): Float32Array => {
  const out = y.slice(from, to)
  const { length } = out
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at]!
    const weight = beta[at + 1] ?? 0
    if (at === 0) {
      const offset = beta[0] ?? 0
      for (let here = 0; here < length; here++) out[here] = out[here]! - offset - weight * column[from + here]!
    } else for (let here = 0; here < length; here++) out[here] = out[here]! - weight * column[from + here]!
  }
  return out
}

/** Fits of service cables, each with the values it was made of, one column after the other. */
const fits = new Map<string, { readonly of: Float32Array; readonly fit: Fit | null }>()
/** Values that are kept, sixteen megabytes of them; then it is begun anew. */
const MOST_KEPT = 1 << 22
let kept = 0

/**
 * The fit of a service cable over the days learnt from. Those days are mostly what they were when the day before was judged: the fit is made anew
 * where any of its values differs.
 *
 * @param key  of the cable
 */
export const learntFit = (key: string, drop: Float32Array, columns: readonly Float32Array[], learnt: number): Fit | null => {
  const before = fits.get(key)
  if (before && isMadeOf(before.of, drop, columns, learnt)) return before.fit
  const fit = regress(drop, columns, 0, learnt, 1)
  const of = new Float32Array((columns.length + 1) * learnt)
  of.set(drop.subarray(0, learnt))
  for (let at = 0; at < columns.length; at++) of.set(columns[at]!.subarray(0, learnt), (at + 1) * learnt)
  kept += of.length - (before?.of.length ?? 0)
  if (kept > MOST_KEPT) {
    fits.clear()
    kept = of.length
  }
  fits.set(key, { of, fit })
  return fit
}

const isMadeOf = (of: Float32Array, y: Float32Array, columns: readonly Float32Array[], length: number): boolean => {
  if (of.length !== (columns.length + 1) * length || !isPart(of, 0, y, length)) return false
  for (let at = 0; at < columns.length; at++) if (!isPart(of, (at + 1) * length, columns[at]!, length)) return false
  return true
}

/** Whether the first values of a column are those from a place on; what is not known is the same as what is not known. */
const isPart = (of: Float32Array, from: number, column: Float32Array, length: number): boolean => {
  for (let at = 0; at < length; at++) {
    const a = of[from + at]!
    const b = column[at]!
    if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) return false
  }
  return true
}
