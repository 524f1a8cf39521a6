# Sourced by the demos with `inventory` set: each stage is named as it begins, what a playbook says comes out when it fails, and the lab
# is removed at the end (KEEP=1 leaves it running). `words` holds what the last quiet playbook said.
# shellcheck shell=bash disable=SC2154

remove_lab() {
  status=$?
  if [ -z "${KEEP:-}" ]; then
    # Quiet, so that the summary stays the last thing on the screen.
    words=$(ansible-playbook playbooks/lab.yml -i "$inventory" -e lab_state=absent -e lab_purge=true 2>&1) || { echo "$words"; exit 1; }
    echo "The lab is removed."
  else
    echo "The lab is left running. It is removed by: ansible-playbook playbooks/lab.yml -i $inventory -e lab_state=absent -e lab_purge=true"
  fi
  exit "$status"
}
trap remove_lab EXIT

stage() { # PLAYBOOK WORDS [OPTION...]: quiet but for its words
  echo "[$1] $2"
  words=$(ansible-playbook "playbooks/$1.yml" -i "$inventory" "${@:3}" 2>&1) || { echo "$words"; exit 1; }
}

nothing_changed() { # of the last stage
  changed=$(grep -Ec 'changed=[1-9]' <<<"$words" || true)
  echo "         hosts with a change: $changed"
  [ "$changed" = 0 ]
}

proof() { # [OPTION...]: the verification's table and the summary, without the lines of Ansible's own tasks; the page stays
  echo "[verify] send real traffic from every side: right calls, and every wrong one beside its right control"
  words=$(ansible-playbook playbooks/verify.yml -i "$inventory" "$@" 2>&1) || { echo "$words"; exit 1; }
  grep -Ev '^(PLAY|TASK|ok:|changed:|skipping:|included:)|^[A-Za-z0-9_.-]+ +: ok=' <<<"$words" | cat -s
  page=.make/$(basename "$(dirname "$inventory")")-verification.html
  mkdir -p .make
  cp ".state/$(basename "$(dirname "$inventory")")/evidence/verification.html" "$page"
  echo "What was sent and received, to look at: $page"
}
