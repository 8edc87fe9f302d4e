"""Made by benchmarks/packed_preset.py: a part of the format, changed only with its version."""

SIZES = (619, 1790, 1350, 964, 975, 573)
DATA = """
004yyT`-lPzW4oms4S=T*fS72^1Q=fdN-tQ>t!q1ULP#`{aVhAEfJ34M#;m2r<3K!6Br`K%>QlAg3gTv+jr;dMo`i6AV
%Gsc7&~6BsCVQ=)I*AZaR9pNgr`Cox2eypDV#4S6B{SMJcR!6BE-wSalNPh;GbK$@hI1j#jxvMAqK!^X>D_#<N}=-
q=pZ0NE82g6U7sgj?IEA8kyb;-(HUvb=G1R-
zc)lt`!@M^)i=4!%GWQRyG=K|m*uNKAeRAJ@^HZAMAIP;vlLsCh3xy&;`kGOnisA|b8eXeAqM|MRQ=-
X%x!JJ!zI4qVPaE0TSNXx`Fm_nyCW-
=Y1WPD<m;#gw>eQS~*!(OfxleiIsCi<;L(T~dtX)_Rle37d>yTKA#9LgRI+s~YIm%0ujs5?h4p|6NV`ltr9X_=^}8>eR
uxP;6_K9tPGyG82(~!%l7Gi6(IHYXM^pR+2yQ0HRv*kbeeAg)W<Xq+{xE&afkeASAPzn)L*>4%g5?Ykt*J>OL)LJQ!Qi
h;{SjqIAm;Uz-}aM)*dZ0Ge@fmQ`~ZE@vmm{fO&tyVx;xi~z15pz(!^Cyp-
~Azojb@sh%%Z==(=qWb18%w0z~>nJKysTn+)eHIy9>Pt#8>Wu}LI&%}S?)oIPSYp|sDLD;u34uAIvDu3<?yXOZT&h*1U
FoZrh827CLx$UF0(2W551TIlQNG2lYwsH5vSmzt!txOaO}v`Bri8$0dW?zG#ZeJChMusW#f@@%4VgEu<DoTwR#M%L^(A
Xkii^NxCA+3Q01|~E+`!aA2!|dq=BikA^#~J`W@tg<ug6eE2fqrmgXn1x*xEJx&LBsmHP0c3dl^6%_Q}>6|FHeCxUu;I
lqNw^iN@F<-FYf`U(ZK~EzgsM7Bdg*fX*gqVQ?}p#vZQ5Ls;=+(7_x~QQ|-
~t9I>cM?4*^=m1;{d^XOj>h}BdGXD}h4ZCRG=xSQWiFxSr6peC#^hjhDer~Lkcr_ZNpW^eSLSWWNE|`rf7O+9|83+F0v
?MnR2Q$NIE(+!OVNIQ)XOOvMb0H~RBv8;(A$y^V0R7db2#Spp7v#u?_Ats`0?&B*kl`TeOT|!<b0nHFo=$vZIya1DY|Z
e7l?rj0FPj)Y8Z)1`c(lg1&V)223d!p-
#Xk08h0Hm;B&le!T#U)9<AN8MONJ>S!!;(J=}eiiGZfO+m3f6Z8DhjIH2hQ|i|AF0k}hoKEu_=++yH_t%t7Zyf27Fb{m
6S0oe2a(<8*>+NMcY+ap*qWot$zpn!ZLd%WeKfRiA4xL6x9<0yPW57y#hhw3T(u!t>}@R`B}ey2u1)_08&WPy=(c;D>0
{*!)zN>-QzDuKYB3>`Pt<V<J;)mV}&EG5<k-8O4L<%fCZwG+;?ygWaLM;B(Nw)Ub6rqceBg%yEnKs&%ic;U-
AelkRW)4_4w#&dRJIkfoRiv@??DP-#-*3S-
?@z{~yytXewdws2ifQi(uULC3JaZrwY))2*}(h)(ELl|)367sH+a6wzLO$gOOZ=M!yM<M#xX4qg3)eB=T=s<Qwd*ey-
RyK{V`UZa@gWJ35etGc|l-&r#8wQqgaIg#g>S~k1>u<L<sV?c2^PZYUCkXTAPmY*)uAi0U-rZvu}hdn-gKi@R@mH`RgU
3Dgw%0rXXVebTp#ATovwWp?CqGu3K<qd8}!WoIjeK*+`79K(w^#fp5*D(x7@J@scI7Oed68?qkA=%PqOZK-qBGZiGux7
l9%QP9S_l<;e`ukhqK>8MTl5{84=$5V(N0P_yt~$iiv(u(0uqN)Mb_@`8+)?iPeLp$OgUR$@pPruONAf5dg_wDWa3P}@
PBt}84wgsC*&Or%AUCj5!G>na%B26PE^X4#oRibd@2N;{0&>seTx-IZ(c^Bu5^ThjUaTQ`F@3%4f2`}nEve1+d4G{+L3
9ijm2~7HTyM)it=a2=cauCNa-?M1I_hmQ2-
L}PQTi>9!@)_l2ZjDqJS=Pr8n*I{7Fs*r*L*m%KdYxVRo<+40P7o{7+rH<tWoHSA3IBWu7nySxzgBXvk&r%3RW=T|ApT
^00
"""
