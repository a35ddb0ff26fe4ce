//! Pages with server-side includes, and the files that they include.

/// Names without their ending, and texts.
pub const PAGES: &[(&str, &str)] = &[
    (
        "echo",
        "[<!--#echo var=\"arg_a\" -->] [<!--#echo var='arg_none' default='nothing' -->] \
         [<!--#echo var=\"arg_c\" encoding=\"none\" -->] [<!--#echo var=\"arg_b\" encoding=\"url\" -->] \
         [<!--#echo var=\"arg_c\" -->] [<!--# echo var=\"uri\" -->] [<!--#echo var=\"none_at_all\" -->]\n",
    ),
    (
        "include",
        "a<!--#include virtual=\"/a.txt\" -->b<!--#include file=\"../dir/b.txt\" -->c\
         <!--#include virtual=\"/internal\" -->d<!--#include virtual=\"/ssi/echo.shtml?a=inner\" -->e\
         <!--#include file=\"part.shtml\" wait=\"yes\" -->f\n",
    ),
    ("part", "[part <!--#echo var=\"arg_a\" -->]"),
    (
        "if",
        "<!--#if expr=\"$arg_a\" -->a<!--#else -->no a<!--#endif --> \
         <!--#if expr=\"$arg_a = 1\" -->one<!--#elif expr=\"$arg_a = 2\" -->two<!--#else -->other<!--#endif --> \
         <!--#if expr=\"$arg_b = /^(?P<word>t..)/\" -->[<!--#echo var=\"1\" -->|<!--#echo var=\"word\" -->]<!--#endif --> \
         <!--#if expr=\"$arg_a != 1\" -->not one<!--#endif --> \
         <!--#if expr=\"$arg_b = /nothing/\" -->matched<!--#else -->not matched<!--#endif -->\n",
    ),
    (
        "set",
        "<!--#set var=\"x\" value=\"first\" --><!--#echo var=\"x\" --> \
         <!--#set var=\"x\" value=\"$arg_a and more\" --><!--#echo var=\"x\" --> \
         <!--#set var=\"y\" value=\"${x}!\" --><!--#echo var=\"y\" --> \
         <!--#set var=\"z\" value='\\$x' --><!--#echo var=\"z\" -->\n",
    ),
    (
        "block",
        "<!--#block name=\"one\" -->the block <!--#echo var=\"arg_a\" --><!--#endblock -->\
         [<!--#include virtual=\"/missing\" stub=\"one\" -->] [<!--#include virtual=\"/empty.txt\" stub=\"one\" -->] \
         [<!--#include virtual=\"/a.txt\" stub=\"one\" -->]\n",
    ),
    (
        "errors",
        "a<!--#unknown -->b<!--#include -->c<!--#echo -->d<!--#include virtual=\"/missing\" -->e\
         <!--#config errmsg=\"[oops]\" --><!--#include virtual=\"/a.txt\" file=\"b\" -->f<!--#if -->g<!--#endif -->h\n",
    ),
    (
        "nested",
        "<!--#if expr=\"$arg_a\" --><!--#if expr=\"$arg_b\" -->both<!--#else -->a alone<!--#endif -->\
         <!--#else --><!--#if expr=\"$arg_b\" -->b alone<!--#else -->none<!--#endif --><!--#endif -->\n",
    ),
    (
        "config",
        "<!--#config timefmt=\"%Y\" --><!--#set var=\"year\" value=\"$date_gmt\" -->\
         <!--#if expr=\"$year = /^20[0-9][0-9]$/\" -->a year<!--#else -->no year<!--#endif -->\n",
    ),
    (
        "quotes",
        "<!--#echo var='arg_a' default=\"it's\" --> <!--#set var=\"q\" value=\"a \\\"quoted\\\" word\" -->\
         <!--#echo var=\"q\" encoding=\"none\" --> <!--#echo   var = \"arg_a\"   -->\n",
    ),
    (
        "comment",
        "<!-- a comment --> <!--#echo var=\"arg_a\" --> <!---#echo var=\"arg_a\" --> <!-#> <!--\n--> <!--#",
    ),
];
