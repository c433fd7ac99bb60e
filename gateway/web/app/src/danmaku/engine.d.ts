// The library types only its main entry; this one is the same without the canvas engine.
declare module 'danmaku/dist/esm/danmaku.dom.js' {
  export { default } from 'danmaku'
}
