# Prints docs/conformance.md: awk -f report.awk -v results=FOLDER statements.tsv
# FOLDER has one file "<number>-<version>" per test that was run, with the word pass or fail.
BEGIN {
  FS = "\t"
  count = split("6.7.0 5.81.5 5.48.1", version, " ")
  print "# Conformance with BullMQ"
  print ""
  print "What the statements of the BullMQ contract say in short, and whether Drover was seen to do it with BullMQ itself, by"
  print "version. Made by the run of `ctest -L conformance` (`cmake --build --preset dev --target conformance-report`); the"
  print "statements are in `tests/conformance/statements.tsv`, and the test of number 57 is the one whose name begins with `c057_`."
  print ""
  print "Statements about 6.x run with `bullmq5 = off`, and those about 5.x clients with `on` or `auto`, as they say. The setting that"
  print "ships is `auto`: it follows the rules of 6.x until it sees a 5.x client."
  print ""
  print "`pass` was run and held; `–` does not concern that version; a number without result says why."
}
/^# 8\./ {
  print ""
  print "## " substr($0, 3)
  print ""
  print "| No. | Statement | 6.7.0 | 5.81.5 | 5.48.1 | |"
  print "|---|---|---|---|---|---|"
}
/^[0-9]/ {
  if ($1 != ++last) { print "statements.tsv: number " $1 " where " last " is due" > "/dev/stderr"; bad = 1 }
  row = "| " $1 " | " $3 " |"
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
