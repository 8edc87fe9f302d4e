"""The heads of typical models, from which a mixer learns before the first token.

Made by benchmarks/packed_preset.py; a part of the format, which changes only with its version.
"""

import base64

from lathe.packed.squeeze import unsqueeze

_SIZES = (624, 1811, 1349, 962, 974, 573)
_DATA = """
004yyT`-lPzW4oms4S=T*fS72^1Q=fdN-tQ>t!q1ULP#`{aVhAEfJ34M#;m2r<3K!6Br`K%>QlAg3gTv+jr;dMo`i6AV
%Gsc7&~6BsCVQ=)I*AZaR9pNgr`Cox2eypDV#4S6B{SMJcR!6BE-wSalNPh;GbK$@hI1j#jxvMAqK!^X>D_#<N}=-
q=pZ0NE82g6U7sgj?IEA8kyb;-(HUvb=G1R-
zc)lt`!@M^)i=4!%GWQRyG=K|m*uNKAeRAJ@^HZAMAIP;vlLsCh3xy&;`kGOnisA|b8eXeAqM|MRQ=-
X%x!JJ!zI<8Wc(As@RTkSczmovg-fY_V6XIpjD_ZmnRTAF8v4cXg7XCj0MG1fOD&?Zu;pazD=Ha6gtyvbpfrwPLvE1p{
&laZY(Gz;usW#a2(`P?2!}_0C&RNE9=8_iThr5izm6zeaJehVqrO0kkRyPmZ>a>oLO%oRP(_Xkp!M0$PoDTemKI=Sq>O
%MW!mL0<hu6Vo0kD(1|0k?kJ6cd;f2mZ`OQL(`vu<%W#vj2S8OYMY;#$@9A8yh2>(XiS-tNag9NAtu;1c|-
D42PNCveQ2983&jcBVQ4^DIP(qMo?y4``7z<y-
l)2JR(%^6_CqR_0*;P9fkR9_QcCfAGgBjqyZaFGK`l^kbU(Z}e<082w`!VD28%x5yZe_zze6Yik98~jFt@Mv4>V0)dYW
XZQNi%m9yPN3O1Sf&v)e9lSwmyfNVX!6k3`>~Yn-z@Ij63k8%ZWFCXOudy4XCuG`Y>zsmzsO3`avlJ~JJ-
0#pXp9%oL=cfshGvtoHu9n+l7`At!;70ogrKh8`s4JH~5xz!h3#uSNHH11;?qk%cF8X1|J9dj#!7@Hd{TlOq7O!&wh^V
Xc^%w!Q!jNlHaIVwoa<4`>Z)@9Z?Y|fYXg)gurVH1z}zRo%cos_M2|G>=_GS*80s00og{$gUAd?TJ&3&VQ40$1HYJbDI
xi`Zy{I(9qe!$_oJVkGrWJJ7%j_uAF&isYX7ZS?BW;5$Wu*Air4-
WppbnI%CKnoiSS)m!<7_+LNKSND|jI_Z4w4dEx}m(i-
$G_ZT$Y7@V<LI8wUlUO)u)B9LlGEyZ+S#=47;Il_Ys^f+cr}*S{qsO_V_>h$cCj#nFtB6eAFD?twhJ4t@)Gk~(nz9q1d
sk#O@!94Mq;{G+T{FOmI6P9J+^hng@|)DH{exOE=s}&uc0+(2*-
rjt9kQ4Ce!~;6zHT)H!)e?#`56?dq=gmaswLO%mJNFiTRY0|k<e`dt5?Mm<X%-OZltBdY@i6c-
I)KxvQzT`zb0oO3@99(m{}0;(t9_nJ^}km*Vn}#ai#4iT&H#PZt6`#af!w6z$+fY3bj&gk|}`1dtxAkz+8ybtr`?K#T#
67AZ(G+!VhS%Aw!6cZ23_{%&HtW$%`|YY<BG;%Y&|A`m=Gp4XjsfjD&<5%68b>nvl(q^$C6AkMs~l!cBU3qHhF>P#9#L
`^gtx6c0o!j}Q_R07*mFHQAPUdlHU(t&KQ-ak{GMj(L(3_<YbUx)j(fEY15A7AYwgHFnJjwgbJ^P2iMt-XzR(WjBIjHd
f>kPQ*|=(p9Y;f>}#Sq~R)C&>pgi9b!DlOSOtTFq7!2hBCE8ta=8d3``B`F?<wSxOc<UOVk?92S_x{d^UdqB^|{t5g_S
<nMT-wDoQRpe3X*_rvTG-Z+Z#I^hWEkq-`&+q3J;e?=191_X`7Gw2oFniacz$tXwYmrau*-
AkS$b@GE1lARtN%5yz}T{UXuot|)<}Nc~ku1HAt6To=pDgP4XU)y2r8{zXjtApL_M=?u%wfY?sFB@SLh%%q&w*1}Zz9t
$U&QENNK9e33bOjysC(gRErIs69kG^gp4BDr!o?G9nQW>UIUqGy}vn`VCAO-
6@SYZVnA_B41q5V9N>I>d(^vDR_xs{cx2Cj>V$uwTjSq1-
D9kK$+$=261%O!s*K96+B~(~1oIDt=>INO2|Dgqr?nPhvadG<rQPi2bDJpU&@Z(JLh7j+Nj|0;nuCQVuq;=I>Vh<*RID
d56J!>4JYzT^s+xyqCl
"""


def _heads() -> tuple[bytes, ...]:
    data, heads, at = unsqueeze(base64.b85decode("".join(_DATA.split())), sum(_SIZES)), [], 0
    for size in _SIZES:
        heads.append(data[at : at + size])
        at += size
    return tuple(heads)


PRESET = _heads()
