# Prints docs/conformance.md: awk -f report.awk -v results=FOLDER statements.tsv
# FOLDER has one file "<number>-<version>" per test that was run, with the word pass or fail.
BEGIN {
  FS = "\t"
  count = split("6.7.0 5.81.5 5.48.1", version, " ")
  print "# Conformance with BullMQ"
  print ""
  print "Numbered statements about sharing a queue with BullMQ, and what a run with BullMQ itself showed, by version. The facts"
  print "behind each section are in [wire-format.md](wire-format.md). `ctest -L conformance` runs the tests, and"
  print "`cmake --build --preset dev --target conformance-report` writes this document. The statements are in"
  print "`tests/conformance/statements.tsv`; the test of number 57 is the one whose name begins with `c057_`."
  print ""
  while ((getline line < ARGV[1]) > 0) {
    split(line, column, "\t")
    if (line ~ /^[0-9]/ && column[5] != "") numbers[column[5]] = numbers[column[5]] (numbers[column[5]] == "" ? "" : ", ") column[1]
  }
  close(ARGV[1])
  print "The statements run with the default, `bullmq5 = auto`, except these. They are about the rules of 5.x before a client of 5.x has"
  print "shown itself, which is the promise of `on`: " numbers["on"] "."
  print "With both settings: " numbers["both"] "."
  print "With `off`, next to 5.48.1 alone: " numbers["off"] ", since 5.48.1 names a job by its period, and `auto` follows it; 285 has that rule."
  print "Next to 5.48.1, statements 106 and 120 expect its word for the state before an immediate retry, `prev=failed`, which `auto` follows."
  print ""
  print "`pass`: run, and it held; `–`: does not concern that version; a number without result has the reason behind it."

  facts["A"] = "keys meta"
  facts["B"] = "add scores options"
  facts["C"] = "json"
  facts["D"] = "marker"
  facts["E"] = "claim locks"
  facts["F"] = "finish metrics"
  facts["G"] = "retry hand-back"
  facts["H"] = "schedulers"
  facts["I"] = "stalled"
  facts["J"] = "limits pause"
  facts["K"] = "deduplication"
  facts["L"] = "others"
  facts["M"] = "schedulers"
  facts["N"] = "flows"
  facts["O"] = "events client-names"
  facts["P"] = "others"
  facts["Q"] = "five lost"
}
/^# [A-Z] / {
  print ""
  print "## " substr($0, 3)
  print ""
  links = ""
  anchors = split(facts[substr($0, 3, 1)], anchor, " ")
  for (i = 1; i <= anchors; ++i) links = links (i > 1 ? ", " : "") "[" anchor[i] "](wire-format.md#" anchor[i] ")"
  print "Facts: " links "."
  print ""
  print "| No. | Statement | 6.7.0 | 5.81.5 | 5.48.1 | |"
  print "|---|---|---|---|---|---|"
}
/^[0-9]/ {
  if ($1 != ++last) { print "statements.tsv: number " $1 " where " last " is due" > "/dev/stderr"; bad = 1 }
  row = "| <a id=\"c" $1 "\"></a>" $1 " | " $3 " |"
  for (i = 1; i <= count; ++i) row = row " " cell($1, $2, $4, version[i]) " |"
  print row ($4 == "" ? "" : " " $4) " |"
}
END {
  print ""
  printf "%d results: %d pass, %d fail, %d not run; %d statements have none yet.\n", \
    all, seen["pass"], seen["fail"], seen["not run"], missing
  exit bad
}
function cell(number, versions, why, v,   file, result) {
  if (versions != "" && index("," versions ",", "," v ",") == 0) return "–"
  if (why != "" && why !~ /^in part: / && (why !~ /^\[/ || index(why, "[" v "]") == 1)) {
    if (!(number in counted)) { counted[number]; ++missing }
    return ""
  }
  file = results "/" number "-" v
  result = "not run"
  if ((getline line < file) > 0) result = line
  close(file)
  ++all
  ++seen[result]
  return result
}
