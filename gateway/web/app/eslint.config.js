import js from '@eslint/js'
import vue from 'eslint-plugin-vue'
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['node_modules', '.cache'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...vue.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    files: ['src/**', 'test/**'],
    // The compiler knows the names; the browser's are not listed twice.
    rules: { 'no-undef': 'off' },
  },
  { files: ['scripts/**'], languageOptions: { globals: { URL: 'readonly' } } },
  {
    rules: {
      // What people write is text, never markup.
      'vue/no-v-html': 'error',
      'no-restricted-properties': ['error', { property: 'innerHTML', message: 'use textContent' }, { property: 'outerHTML', message: 'use textContent' }],
      'no-console': 'error',
      eqeqeq: 'error',
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': ['error', { html: { void: 'always', normal: 'always', component: 'always' } }],
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/html-indent': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/multi-word-component-names': 'off',
    },
  },
)
