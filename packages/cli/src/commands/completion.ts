import { Argument, Command } from 'commander';
import type { CommandTable } from '../command-table.ts';
import { completions } from '../completions.ts';
import { say } from '../output.ts';
import { examples } from '../remote.ts';

/** Each asks the command itself for what could stand at the cursor, so that it need not be written anew for an update. */
const scripts = {
  bash: `_portolan() {
  local IFS=$'\\n'
  local line="\${COMP_LINE:0:COMP_POINT}" words
  read -ra words <<< "$line" 2>/dev/null
  IFS=' ' read -ra words <<< "$line"
  [[ "$line" == *' ' ]] && words+=('')
  local current="\${words[-1]}" word="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(portolan completion words -- "\${words[@]:1}" 2>/dev/null | cut -f1))
  # Bash takes a colon for the end of a word.
  local prefix="\${current%"$word"}"
  COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
}
complete -o default -F _portolan portolan`,
  zsh: `#compdef portolan
_portolan() {
  local -a found
  local line
  while IFS=$'\\t' read -r name what; do
    found+=("\${name//:/\\\\:}\${what:+:$what}")
  done < <(portolan completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe portolan found; else _files; fi
}
compdef _portolan portolan`,
  fish: `complete -c portolan -a '(portolan completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
};

export function completion(commands: CommandTable): Command {
  const shell = new Argument('<shell>', 'whose script to write').choices(Object.keys(scripts));
  const command = new Command('completion')
    .description('Write the script that has the shell complete commands, options, services and ranges.')
    .addArgument(shell)
    .addHelpText(
      'after',
      examples(
        'source <(portolan completion bash)',
        'portolan completion zsh > ~/.zfunc/_portolan',
        'portolan completion fish > ~/.config/fish/completions/portolan.fish',
      ),
    )
    .action((name: keyof typeof scripts) => say(scripts[name]));
  command.addCommand(
    new Command('words')
      .description('what could stand in the place of the last word')
      .argument('[words...]', 'the words so far, after --')
      .action(async (words: string[]) => {
        const found = await completions(words, commands);
        if (found.length > 0) say(found.map(({ word, about }) => (about ? `${word}\t${about}` : word)).join('\n'));
      }),
    { hidden: true },
  );
  return command;
}
