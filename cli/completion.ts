/** Scripts that complete commands and options in a shell. Options come from each command's own help, so none is missing. */

export const SHELLS = ['bash', 'zsh'] as const;

/** Undefined for a shell that has no script. */
export function completion(shell: string | undefined, programs: readonly string[]): string | undefined {
  const commands = [...programs, 'completion'].join(' ');
  if (shell === 'bash') return bash(commands);
  return shell === 'zsh' ? zsh(commands) : undefined;
}

const OPTIONS = "kamaitachi \"$1\" --help 2>/dev/null | grep -oE '^ +--[a-z][a-z-]*' | tr -d ' '";

function bash(commands: string): string {
  return `# In ~/.bashrc: eval "$(kamaitachi completion bash)"
_kamaitachi_options() { ${OPTIONS}; }
_kamaitachi() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands} --help --version" -- "$word"))
  elif [ "\${COMP_WORDS[1]}" = completion ]; then
    COMPREPLY=($(compgen -W "${SHELLS.join(' ')}" -- "$word"))
  elif [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$(_kamaitachi_options "\${COMP_WORDS[1]}")" -- "$word"))
  fi
}
complete -o default -F _kamaitachi kamaitachi
`;
}

function zsh(commands: string): string {
  return `# In ~/.zshrc, after compinit: eval "$(kamaitachi completion zsh)"
_kamaitachi_options() { ${OPTIONS}; }
_kamaitachi() {
  if (( CURRENT == 2 )); then
    compadd -- ${commands} --help --version
  elif [[ "$words[2]" == completion ]]; then
    compadd -- ${SHELLS.join(' ')}
  elif [[ "$words[CURRENT]" == -* ]]; then
    compadd -- \${(f)"$(_kamaitachi_options "$words[2]")"}
  else
    _files
  fi
}
compdef _kamaitachi kamaitachi
`;
}
