/**
 * SQLite's write-ahead log, as far as mending one needs. SQLite stops reading a log at the first frame whose checksum is wrong
 * and forgets what follows, so one flipped bit would cost every later commit. Mending means: the same frames with fresh
 * checksums; the flipped bit then sits in one page, where the checksum of its entry finds it.
 *
 * @source sqlite.org/fileformat2.html, section 4 "The Write-Ahead Log"
 */
const HEADER = 32
const FRAME_HEAD = 24
const MAGIC_LITTLE = 0x377f0682
const MAGIC_BIG = 0x377f0683
const VERSION = 3007000

/** The live frames of a log: those of its last generation, whether their checksums hold or not. */
export const liveFrames = (wal: Buffer, pageSize: number): { readonly frames: number; readonly salts: Buffer | null } => {
  const total = Math.floor((wal.length - HEADER) / (FRAME_HEAD + pageSize))
  const saltsAt = (frame: number) => wal.subarray(frameAt(frame, pageSize) + 8, frameAt(frame, pageSize) + 16)
  // The header's salts, unless the first frames agree that it is the header that is wrong.
  const votes = [wal.subarray(16, 24), ...Array.from({ length: Math.min(total, 4) }, (_, frame) => saltsAt(frame))]
  const salts = votes.find((one, at) => votes.some((other, otherAt) => otherAt > at && other.equals(one))) ?? null
  if (!salts) return { frames: 0, salts }
  let frames = total
  while (frames > 0 && !saltsAt(frames - 1).equals(salts)) frames--
  return { frames, salts }
}

const frameAt = (frame: number, pageSize: number): number => HEADER + frame * (FRAME_HEAD + pageSize)

/** Number of the page a frame holds. */
export const framePage = (wal: Buffer, frame: number, pageSize: number): { readonly number: number; readonly bytes: Buffer } => {
  const at = frameAt(frame, pageSize)
  return { number: wal.readUInt32BE(at), bytes: wal.subarray(at + FRAME_HEAD, at + FRAME_HEAD + pageSize) }
}

/**
 * A log with fresh checksums, or null when there is nothing to mend: every frame up to the last commit is sound.
 * Frames left over from a transaction that never ended carry no commit and are not brought back.
 */
export const mendedLog = (wal: Buffer, pageSize: number): Buffer | null => {
  if (wal.length < HEADER + FRAME_HEAD + pageSize) return null
  const { frames, salts } = liveFrames(wal, pageSize)
  if (!salts) return null
  const mended = Buffer.from(wal)
  const magic = wal.readUInt32BE(0)
  const big = magic === MAGIC_BIG
  mended.writeUInt32BE(big ? MAGIC_BIG : MAGIC_LITTLE, 0)
  mended.writeUInt32BE(VERSION, 4)
  mended.writeUInt32BE(pageSize, 8)
  salts.copy(mended, 16)
  const sum: [number, number] = [0, 0]
  checksum(mended, 0, 24, big, sum)
  mended.writeUInt32BE(sum[0], 24)
  mended.writeUInt32BE(sum[1], 28)
  let broken = !mended.subarray(0, HEADER).equals(wal.subarray(0, HEADER))
  let lost = false
  for (let frame = 0; frame < frames; frame++) {
    const at = frameAt(frame, pageSize)
    salts.copy(mended, at + 8)
    checksum(mended, at, at + 8, big, sum)
    checksum(mended, at + FRAME_HEAD, at + FRAME_HEAD + pageSize, big, sum)
    mended.writeUInt32BE(sum[0], at + 16)
    mended.writeUInt32BE(sum[1], at + 20)
    broken ||= !mended.subarray(at, at + FRAME_HEAD).equals(wal.subarray(at, at + FRAME_HEAD))
    lost ||= broken && mended.readUInt32BE(at + 4) !== 0
  }
  return lost ? mended : null
}

const checksum = (bytes: Buffer, from: number, to: number, big: boolean, sum: [number, number]): void => {
  let [first, second] = sum
  for (let at = from; at < to; at += 8) {
    first = (first + (big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + second) >>> 0
    second = (second + (big ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + first) >>> 0
  }
  sum[0] = first
  sum[1] = second
}
