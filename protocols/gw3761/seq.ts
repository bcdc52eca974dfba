import type { FrameParts, Seq } from './frame.ts'

/** One frame that says all. */
export const SINGLE: Seq = { tpv: false, fir: true, fin: true, con: false, number: 0 }

/** Place of a frame in a message of several: FIR and FIN. */
export type Place = 'single' | 'first' | 'middle' | 'last'

/** @source Q/GDW 376.1-2009, 5.4.1: 11 single, 10 first, 00 middle, 01 last */
export const placeOf = ({ fir, fin }: Pick<Seq, 'fir' | 'fin'>): Place => (fir ? (fin ? 'single' : 'first') : fin ? 'last' : 'middle')

/** Function codes of frames. @source Q/GDW 376.1-2009, 5.3.3; by PRM, then code */
export const FUNCTIONS: Readonly<Record<'primary' | 'secondary', Readonly<Record<number, string>>>> = {
  primary: {
    1: 'reset (复位命令)',
    4: 'user data, no answer (用户数据)',
    9: 'link test (链路测试)',
    10: 'request class 1 (请求1级数据)',
    11: 'request class 2 (请求2级数据)',
  },
  secondary: { 0: 'confirm (认可)', 8: 'user data (用户数据)', 9: 'no such data (否认)', 11: 'link status (链路状态)' },
}

/** Who a frame goes to, and under which number. */
export interface Head {
  readonly region: string
  readonly terminal: number
  readonly msa: number
  readonly number: number
}

/** A master's request without its data. @param link  function code: 1 reset, 4 no answer, 10 class 1 (settings, control, real time), 11 class 2 */
export const requestParts = (head: Head, afn: number, link: 1 | 4 | 10 | 11, data: Uint8Array): FrameParts => ({
  region: head.region,
  terminal: head.terminal,
  group: false,
  msa: head.msa,
  dir: 'down',
  prm: true,
  acd: false,
  fcb: false,
  fcv: false,
  function: link,
  protocolId: 2,
  afn,
  seq: { ...SINGLE, number: head.number },
  data,
})
