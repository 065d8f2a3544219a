# Writes OUT, a C file with every .sql file below DIR as a named string, in name order.
# A statement is named after its file; a migration keeps its folder: "migrations/0001_store".
file(GLOB_RECURSE files RELATIVE ${DIR} ${DIR}/*.sql)
list(SORT files)
set(arrays "")
set(rows "")
set(index 0)
foreach(name ${files})
  file(READ ${DIR}/${name} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "\\.sql$" "" stem "${name}")
  string(APPEND arrays "static const char sql_${index}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${stem}\", sql_${index}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUT}
     "#include \"store/sql_int.h\"\n\n${arrays}\nconst weir_sql weir_sql_embedded[] = {\n${rows}    {NULL, NULL},\n};\n")
