/** Figures in the forms other houses read: CIM (IEC 61968-9) and Green Button (NAESB REQ.21). */
export type { CimEnergies, CimPiece, CimValue } from './cim.ts'
export { CIM_FORMATS, type CimFormat, cimText } from './cim-text.ts'
export { type EspiFeed, type EspiItem, type EspiRegister, espiText } from './espi.ts'
export { type LocalTime, localTimeOf } from './local-time.ts'
export { type CodePeriod, mridOf, readingCodeOf } from './reading-code.ts'
export { stableId } from './uuid.ts'
