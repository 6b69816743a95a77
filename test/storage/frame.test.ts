import { describe, expect, test } from 'vitest'
import { frame, joinFrames, splitFrames, unframe } from '../../src/storage/frame.ts'

const texts = ['', '{"type":"track"}\n', 'København 日本 \u{1f600}\n', 'Order Completed\n'.repeat(10_000)]

describe('a frame', () => {
  test.each(texts.map((text) => [text.length, text] as const))(
    'a frame gives back the %i characters that were put in',
    (_n, text) => {
      expect(unframe(frame(text))).toBe(text)
    },
  )

  test('a frame is much smaller than what repeats itself', () => {
    expect(frame('Order Completed\n'.repeat(10_000)).byteLength).toBeLessThan(1_000)
  })

  test('a frame that was cut, or is no frame, is refused', () => {
    const whole = frame(texts[3] ?? '')
    expect(() => unframe(whole.subarray(0, whole.byteLength - 5))).toThrow()
    expect(() => unframe(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]))).toThrow()
  })
})

test('frames one after the other are read as one', () => {
  expect(unframe(joinFrames([frame('Ada\n'), frame('Lovelace\n')]))).toBe('Ada\nLovelace\n')
})

describe('a staging file', () => {
  test('a staging file gives back its frames in order', () => {
    const file = joinFrames(texts.map((text) => frame(text)))
    expect(Array.from(splitFrames(file), unframe)).toEqual(texts)
  })

  test('a staging file of no frames is empty', () => {
    expect(joinFrames([]).byteLength).toBe(0)
    expect([...splitFrames(new Uint8Array())]).toEqual([])
  })

  test('a staging file is read where it lies inside other bytes', () => {
    const file = joinFrames([frame('Ada'), frame('Lovelace')])
    const around = new Uint8Array(file.byteLength + 20)
    around.set(file, 7)
    expect(Array.from(splitFrames(around.subarray(7, 7 + file.byteLength)), unframe)).toEqual(['Ada', 'Lovelace'])
  })

  test.each([1, 4, 10])('a staging file that ends %i bytes too early is refused', (bytes) => {
    const file = joinFrames([frame('Ada'), frame('Lovelace')])
    expect(() => [...splitFrames(file.subarray(0, file.byteLength - bytes))]).toThrow('ends inside a frame')
  })

  // The length before each frame is 4 bytes, little-endian: files of older versions are read by it.
  test('a staging file has a length of 4 bytes, little-endian, before each frame', () => {
    const file = frame('Ada Lovelace\n')
    const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd]
    expect([...file.subarray(0, 8)]).toEqual([file.byteLength - 4, 0, 0, 0, ...zstdMagic])
  })
})
