From Coq Require Import Bool ZArith QArith Lia Lqa.
Local Close Scope Q_scope.
Local Open Scope bool_scope.
Local Open Scope Z_scope.

(* A cache of certificates is a file that grows, and takes longer to read than they take to find. *)
Unset Lia Cache.

(* Quotients and remainders by numbers are equations for `lia`; looking for them where there are none takes long. *)
Ltac has_quotient :=
  match goal with
  | |- context [Z.div _ _] => idtac
  | |- context [Z.modulo _ _] => idtac
  | _ : context [Z.div _ _] |- _ => idtac
  | _ : context [Z.modulo _ _] |- _ => idtac
  end.

Ltac Zify.zify_post_hook ::= tryif has_quotient then Z.to_euclidean_division_equations else idtac.

(* ---- Remainders by a size: they aren't linear, and this much is known of them. ---- *)

Definition remainder (x n r : Z) : Prop :=
  1 <= n ->
  0 <= r < n /\ (0 <= x < n -> r = x) /\ (0 <= x + n < n -> r = x + n) /\ (0 <= x - n < n -> r = x - n).

Definition same_remainder (x y r t : Z) : Prop := x = y -> r = t.

Lemma remainder_of (x n : Z) : remainder x n (x mod n).
Proof.
  unfold remainder. intros. pose proof (Z.mod_pos_bound x n).
  assert (shifted : forall k, 0 <= x + k * n < n -> x mod n = x + k * n).
  { intros k ?. rewrite <- (Z_mod_plus_full x k n). apply Z.mod_small. assumption. }
  pose proof (shifted 0). pose proof (shifted 1). pose proof (shifted (-1)). repeat split; lia.
Qed.

Ltac by_a_size n := lazymatch n with Zpos _ => fail | _ => idtac end.

Ltac pair_remainders x y n :=
  by_a_size n;
  tryif constr_eq x y then fail
  else
    lazymatch goal with
    | _ : same_remainder x y _ _ |- _ => fail
    | _ : same_remainder y x _ _ |- _ => fail
    | _ => assert (same_remainder x y (x mod n) (y mod n)) by (unfold same_remainder; congruence)
    end.

Ltac name_remainder x n :=
  by_a_size n; pose proof (remainder_of x n);
  let r := fresh "r" in set (r := x mod n) in *; clearbody r.

(* Every remainder by a size becomes a letter, with what is known of it. *)
Ltac name_remainders :=
  repeat match goal with H : ?P |- _ => match P with context [_ mod ?n] => by_a_size n; revert H end end;
  repeat match goal with |- context [?x mod ?n] => match goal with |- context [?y mod n] => pair_remainders x y n end end;
  repeat match goal with |- context [?x mod ?n] => name_remainder x n end;
  intros.

Ltac use_remainder H := unfold remainder in H; specialize (H ltac:(lia)); decompose [and] H; clear H.

Ltac use_remainders_of_goal :=
  repeat match goal with
  | H : remainder _ _ ?r |- context [?r] => use_remainder H
  | H : same_remainder _ _ ?r ?t |- context [?r] =>
      match goal with |- context [t] => unfold same_remainder in H end
  end.

Ltac use_remainders :=
  repeat match goal with
  | H : remainder _ _ _ |- _ => first [use_remainder H | unfold remainder in H]
  | H : same_remainder _ _ _ _ |- _ => unfold same_remainder in H
  end.

(* Of each remainder that it is one, and no more: most goals need only that, and what is beside it are cases. *)
Ltac bound_remainder H r n :=
  let B := fresh in assert (B : 0 <= r < n) by (unfold remainder in H; specialize (H ltac:(lia)); apply H); clear H.

Ltac bound_remainders :=
  repeat match goal with
  | H : remainder _ ?n ?r |- _ => bound_remainder H r n
  | H : same_remainder _ _ _ _ |- _ => clear H
  end.

(* ---- Integers: `lia`, on small goals where it would take many cases. ---- *)

(* A maximum that is at most x is two bounds, and so on. *)
Ltac take_bounds := rewrite ?Z.max_lub_iff, ?Z.max_lub_lt_iff, ?Z.min_glb_iff, ?Z.min_glb_lt_iff in *.

Ltac splits_cases P :=
  match P with
  | context [Z.max _ _] => idtac
  | context [Z.min _ _] => idtac
  | context [Z.abs _] => idtac
  | context [Z.div _ _] => idtac
  | context [Z.modulo _ _] => idtac
  | remainder _ _ _ => idtac
  end.

Ltac integers :=
  lazymatch goal with
  | |- _ /\ _ => split; integers
  | _ => first [assumption | bound_remainders; lia | use_remainders_of_goal; lia | use_remainders; lia]
  end.

Ltac by_integers :=
  match goal with
  | |- ?P => splits_cases P; integers
  | _ : ?P |- _ => splits_cases P; integers
  | _ => lia
  end.

(* Whether a proposition about integers holds, as two cases. *)
Ltac decide_integers P := let D := fresh in assert (D : P \/ ~ P) by lia; destruct D as [D | D].

(* ---- Entries: of a type that is a variable, or rational numbers. ---- *)

Ltac of_entries T := first [is_var T | constr_eq T Q].

(* Succeeds where a proposition speaks of entries. *)
Ltac has_entries P :=
  match P with
  | context [@eq ?T _ _] => of_entries T
  | context [Qeq _ _] => idtac
  end.

(* Facts taken apart; an implication is used where its conditions hold. *)
Ltac use_facts :=
  match goal with
  | H : _ /\ _ |- _ => destruct H
  | H : ?P /\ ?Q -> ?R |- _ =>
      has_entries R; assert (P -> Q -> R) by (intros; apply H; split; assumption); clear H
  | H : ?P \/ ?Q |- _ => has_entries (P \/ Q); destruct H; try (exfalso; lia)
  | H : ?P -> ?R |- _ =>
      match type of P with Prop => has_entries R end;
      lazymatch P with
      | context [if _ then _ else _] => fail
      | _ =>
          first
          [ specialize (H ltac:(by_integers))
          | decide_integers P; [specialize (H ltac:(assumption)) | clear H]; try (exfalso; lia) ]
      end
  end.

(* One `if` decided, an innermost one; a case that the integers exclude is closed. *)
Ltac take_case b :=
  lazymatch b with
  | context [if _ then _ else _] => fail
  | _ => destruct b eqn:? in *; try (exfalso; lia)
  end.

Ltac take_case_of_goal := match goal with |- context [if ?b then _ else _] => take_case b end.

Ltac take_case_of_facts := match goal with _ : context [if ?b then _ else _] |- _ => take_case b end.

Ltac head x := lazymatch x with ?f _ => head f | _ => x end.

(* Succeeds for one entry of an array. *)
Ltac is_read x := let T := type of x in of_entries T; let f := head x in is_var f.

(* Entries at equal places written alike. *)
Ltac align :=
  repeat match goal with H : ?P |- _ => has_entries P; revert H end;
  repeat match goal with
  | |- context [?x] =>
      is_read x;
      match goal with
      | |- context [?y] =>
          is_read y; tryif constr_eq x y then fail else replace x with y by (f_equal; by_integers)
      end
  end;
  intros.

(* Instances of a constraint are held back: `lia` would look through all that stands in them. *)
Definition held (P : Prop) : Prop := P.

Ltac drop_held := repeat match goal with H : held _ |- _ => clear H end.

Ltac numbers := drop_held; lia.

(* A minimum, maximum or absolute value in a subscript is one of two numbers. *)
Ltac take_piece spec :=
  let E := fresh in destruct spec as [[? E] | [? E]]; rewrite ?E; clear E; try (exfalso; numbers).

Ltac take_piece_of_read :=
  match goal with
  | |- context [?x] =>
      is_read x;
      match x with
      | context [Z.abs ?y] => take_piece (Z.abs_spec y)
      | context [Z.max ?y ?z] => take_piece (Z.max_spec y z)
      | context [Z.min ?y ?z] => take_piece (Z.min_spec y z)
      end
  end.

(* ---- Instances of a constraint: out of sight until one speaks of both sides. ---- *)

Ltac hold_instances :=
  repeat match goal with
  | H : ?P -> ?R |- _ => match type of P with Prop => has_entries R end; change (held (P -> R)) in H
  end.

Ltac innermost b := lazymatch b with context [if _ then _ else _] => fail | _ => idtac end.

(* A letter that is a number is that number from there on; a comparison of numbers is computed. *)
Ltac decide_case b :=
  innermost b;
  lazymatch eval compute in b with
  | true => change b with true
  | false => change b with false
  | _ =>
      lazymatch b with
      | ?x =? ?y =>
          first
          [ is_var x; let E := fresh in destruct (Z.eqb_spec x y) as [E | E]; [subst x | ]; try (exfalso; numbers)
          | replace b with true by (symmetry; numbers)
          | destruct b eqn:?; try (exfalso; numbers) ]
      | _ => first [replace b with true by (symmetry; numbers) | destruct b eqn:?; try (exfalso; numbers)]
      end
  end.

Ltac decide_cases := repeat (match goal with |- context [if ?b then _ else _] => decide_case b end; cbv iota).

Ltac is_sure H b :=
  innermost b;
  first [replace b with true in H by (symmetry; numbers) | replace b with false in H by (symmetry; numbers)].

Ltac sure_cases H :=
  repeat (match type of H with context [if ?b then _ else _] => is_sure H b end; cbv iota in H).

(* ---- Cases of an instance, one comparison at a time: `lia` multiplies the cases of what is and what isn't so. ---- *)

Ltac is_plain e :=
  lazymatch e with
  | context [Z.div _ _] => fail
  | context [Z.modulo _ _] => fail
  | context [Z.max _ _] => fail
  | context [Z.min _ _] => fail
  | context [Z.abs _] => fail
  | context [if _ then _ else _] => fail
  | _ => idtac
  end.

Lemma division_of (x : Z) (p : positive) : x = Zpos p * (x / Zpos p) + x mod Zpos p /\ 0 <= x mod Zpos p < Zpos p.
Proof. pose proof (Z.div_mod x (Zpos p)). pose proof (Z.mod_pos_bound x (Zpos p)). lia. Qed.

Ltac name_division x p :=
  let F := fresh in let q := fresh "q" in let r := fresh "r" in
  generalize (x / Zpos p), (x mod Zpos p), (division_of x p); intros q r F.

(* A number that isn't another is on one side of it. *)
Ltac take_side N x y :=
  first [assert (x < y) by numbers; clear N | assert (y < x) by numbers; clear N | idtac].

Ltac take_comparison b :=
  lazymatch eval compute in b with
  | true => change b with true
  | false => change b with false
  | _ =>
  lazymatch b with
  | ?x =? ?y =>
      first
      [ match goal with E : x = y |- _ => rewrite (proj2 (Z.eqb_eq x y) E) end
      | replace b with true by (symmetry; apply Z.eqb_eq; numbers)
      | replace b with false by (symmetry; apply Z.eqb_neq; numbers)
      | let E := fresh in destruct (Z.eqb_spec x y) as [E | E]; [try subst x | take_side E x y] ]
  | ?x <=? ?y =>
      first
      [ match goal with E : x <= y |- _ => rewrite (proj2 (Z.leb_le x y) E) | E : y < x |- _ => rewrite (proj2 (Z.leb_gt x y) E) end
      | replace b with true by (symmetry; apply Z.leb_le; numbers)
      | replace b with false by (symmetry; apply Z.leb_gt; numbers)
      | destruct (Z.leb_spec x y) ]
  | ?x <? ?y =>
      first
      [ match goal with E : x < y |- _ => rewrite (proj2 (Z.ltb_lt x y) E) | E : y <= x |- _ => rewrite (proj2 (Z.ltb_ge x y) E) end
      | replace b with true by (symmetry; apply Z.ltb_lt; numbers)
      | replace b with false by (symmetry; apply Z.ltb_ge; numbers)
      | destruct (Z.ltb_spec x y) ]
  | _ => first [replace b with true by (symmetry; numbers) | replace b with false by (symmetry; numbers) | destruct b eqn:?]
  end
  end.

(* Of two numbers the one that is known to be the larger, or each in turn. *)
Ltac take_one spec l r :=
  first [rewrite l by numbers | rewrite r by numbers | let E := fresh in destruct spec as [[? E] | [? E]]; rewrite E; clear E].

Ltac take_extreme_in e :=
  match e with
  | context [Z.max ?x ?y] => is_plain x; is_plain y; take_one (Z.max_spec x y) (Z.max_l x y) (Z.max_r x y)
  | context [Z.min ?x ?y] => is_plain x; is_plain y; take_one (Z.min_spec x y) (Z.min_l x y) (Z.min_r x y)
  | context [Z.abs ?x] => is_plain x; take_one (Z.abs_spec x) (Z.abs_eq x) (Z.abs_neq x)
  end.

Ltac take_extreme_of_goal := match goal with |- ?P => take_extreme_in P end.

(* The first comparison of a condition: it becomes true or false. *)
Ltac take_first b :=
  lazymatch b with
  | ?x && _ => take_first x
  | ?x || _ => take_first x
  | negb ?x => take_first x
  | _ => take_comparison b
  end.

Ltac drop_constants :=
  repeat match goal with
  | |- context [true && ?y] => change (true && y) with y
  | |- context [false && ?y] => change (false && y) with false
  | |- context [true || ?y] => change (true || y) with true
  | |- context [false || ?y] => change (false || y) with y
  | |- context [negb true] => change (negb true) with false
  | |- context [negb false] => change (negb false) with true
  end.

Ltac name_division_of_goal :=
  match goal with
  | |- context [?x mod Zpos ?p] => is_plain x; name_division x p
  | |- context [?x / Zpos ?p] => is_plain x; name_division x p
  end.

Ltac take_step :=
  first
  [ match goal with |- context [if ?b then _ else _] => is_plain b; take_first b end; drop_constants; cbv iota
  | take_extreme_of_goal
  | name_division_of_goal ].

Ltac take_steps := repeat take_step.

Ltac close_equal := first [reflexivity | exfalso; numbers | congruence | lra | align; first [congruence | lra]].

(* The entry that a side is a multiple of, where its conditions hold. *)
Ltac read_of e :=
  lazymatch e with
  | if _ then ?x else _ => read_of x
  | Qmult (Qmake _ _) ?x => read_of x
  | Qmult ?x (Qmake _ _) => read_of x
  | Qmult (if _ then _ else _) ?x => read_of x
  | Qmult ?x (if _ then _ else _) => read_of x
  | _ => e
  end.

Ltac meets x y :=
  tryif constr_eq x y then idtac else
  (let E := fresh in assert (E : x = y) by (f_equal; solve [ring | take_steps; numbers]); clear E).

(* Quotients in what an instance asks for become letters before `lia` sees any. *)
Ltac take_divisions :=
  repeat
    first
    [ name_division_of_goal
    | match goal with
      | |- context [?x / Zpos _] => take_extreme_in x
      | |- context [?x mod Zpos _] => take_extreme_in x
      end ].

Ltac premises := lazymatch goal with |- _ /\ _ => split; premises | _ => first [assumption | numbers | take_steps; numbers | integers] end.
Ltac premise := take_divisions; premises.

(* What facts say of the comparisons in the goal. *)
Ltac use_known F :=
  lazymatch type of F with
  | _ /\ _ => let G := fresh in let H := fresh in destruct F as [G H]; use_known G; use_known H
  | ?x <= ?y => lazymatch goal with |- context [x <=? y] => rewrite (proj2 (Z.leb_le x y) F) | _ => idtac end; clear F
  | ?x < ?y => lazymatch goal with |- context [x <? y] => rewrite (proj2 (Z.ltb_lt x y) F) | _ => idtac end; clear F
  | @eq Z ?x ?y => lazymatch goal with |- context [x =? y] => rewrite (proj2 (Z.eqb_eq x y) F) | _ => idtac end; clear F
  | _ => clear F
  end.

Ltac same_read x y := tryif constr_eq x y then idtac else (replace x with y by (f_equal; numbers)).

Ltac close_as_met l r s t :=
  let x := read_of l in let y := read_of r in let u := read_of s in let w := read_of t in
  first [same_read u x; same_read w y | same_read u y; same_read w x]; first [congruence | lra].

Ltac close_met :=
  match goal with
  | U : ?l = ?r |- ?s = ?t => close_as_met l r s t
  | U : Qeq ?l ?r |- Qeq ?s ?t => close_as_met l r s t
  end.

Ltac use_instance H :=
  lazymatch type of H with
  | held (?P -> ?R) =>
      let F := fresh in assert (F : P) by (drop_held; premise);
      let U := fresh in assert (U : R) by (exact (H F));
      drop_held; revert U; use_known F
  end;
  take_steps; let U := fresh in intro U; first [solve [close_met] | solve [close_equal]].

Ltac by_meeting :=
  match goal with
  | H : held (_ -> ?l = ?r) |- ?s = ?t =>
     let x := read_of l in let y := read_of r in
     let u := read_of s in let w := read_of t in
     first [meets x u; meets y w | meets x w; meets y u]; use_instance H
  | H : held (_ -> Qeq ?l ?r) |- Qeq ?s ?t =>
     let x := read_of l in let y := read_of r in
     let u := read_of s in let w := read_of t in
     first [meets x u; meets y w | meets x w; meets y u]; use_instance H
  end.

Ltac unify_reads s t := let u := read_of s in let w := read_of t in same_read u w.

Ltac by_itself :=
  lazymatch goal with
  | |- ?s = ?t => unify_reads s t
  | |- Qeq ?s ?t => unify_reads s t
  end;
  first [reflexivity | congruence | lra].

(* A letter between two numbers is each of them in turn. *)
Ltac is_number x := lazymatch x with Z0 => idtac | Zpos _ => idtac | Zneg _ => idtac end.

Ltac take_values i low high :=
  tryif constr_eq low high then (assert (i = low) by lia; subst i)
  else
    let C := fresh in assert (C : i = low \/ low + 1 <= i) by lia; destruct C as [C | C];
    [subst i | let next := eval compute in (low + 1) in take_values i next high].

Ltac each_value :=
  match goal with
  | L : ?low <= ?i, H : ?i <= ?high |- _ =>
      is_var i; is_number low; is_number high;
      lazymatch eval compute in (high - low <=? 5) with true => take_values i low high end
  end.

(* Of what a side is about too, where no instance speaks of both as they stand. *)
Ltac value_of_goal :=
  match goal with
  | L : ?low <= ?i, H : ?i <= ?high |- ?G =>
      is_var i; is_number low; is_number high;
      match G with context [i] => idtac end;
      lazymatch eval compute in (high - low <=? 5) with true => take_values i low high end
  end.

Ltac by_leaf :=
  first
  [ reflexivity
  | solve [by_itself]
  | by_meeting
  | exfalso; numbers
  | match goal with H : held _ |- _ => solve [use_instance H] end
  | value_of_goal; take_steps; by_leaf ].

Ltac by_instance := hold_instances; take_steps; by_leaf.

(* ---- Tables of booleans: each entry is a case, since `lia` would look at the cases of all entries at once. ---- *)

(* Succeeds where one of several is asked, or known. *)
Ltac is_listed P := lazymatch P with context [_ \/ _] => idtac end.

Ltac is_table b := lazymatch b with context [orb _ _] => idtac end.

Ltac is_place P := lazymatch P with ?A /\ _ => is_place A | @eq Z _ _ => idtac end.

Ltac has_table :=
  match goal with
  | |- ?P /\ _ => is_listed P
  | |- ?P \/ _ => is_listed P
  | |- context [orb _ _] => idtac
  | _ : ?P \/ _ |- _ => is_place P
  | _ : ~ ?P |- _ => is_listed P
  end.

Ltac hold_tables := repeat match goal with H : ~ ?P |- _ => is_listed P; change (held (~ P)) in H end.

Ltac take_conjunctions := repeat match goal with H : _ /\ _ |- _ => destruct H end.

Ltac take_places := repeat match goal with H : ?P \/ _ |- _ => is_place P; destruct H as [H | H] end; take_conjunctions.

Ltac take_alternatives := repeat match goal with H : _ \/ _ |- _ => destruct H end; take_conjunctions.

Ltac take_booleans :=
  repeat match goal with
  | H : (_ && _) = true |- _ => apply andb_true_iff in H; destruct H
  | H : (_ || _) = true |- _ => apply orb_true_iff in H; destruct H
  | H : (_ =? _) = true |- _ => apply Z.eqb_eq in H
  | H : (_ <=? _) = true |- _ => apply Z.leb_le in H
  | H : (_ <? _) = true |- _ => apply Z.ltb_lt in H
  end.

(* One place of the table, or that it is none, which is held back. *)
Ltac take_table b := let E := fresh in destruct b eqn:E; [take_booleans | change (held (b = false)) in E].

Ltac take_tables := repeat (match goal with |- context [if ?b then _ else _] => is_table b; take_table b end; cbv iota).

Ltac choose :=
  lazymatch goal with
  | |- _ /\ _ => split; choose
  | |- _ \/ _ => first [left; solve [choose] | right; choose]
  | |- (_ && _) = true => apply andb_true_iff; split; choose
  | |- (_ || _) = true => apply orb_true_iff; first [left; solve [choose] | right; choose]
  | |- (_ =? _) = true => apply Z.eqb_eq; lia
  | |- (_ <=? _) = true => apply Z.leb_le; lia
  | |- (_ <? _) = true => apply Z.ltb_lt; lia
  | |- @eq ?T _ _ => tryif constr_eq T Z then lia else first [reflexivity | f_equal; lia]
  | _ => lia
  end.

(* A place that is in a table which is said not to hold it. *)
Ltac refute :=
  exfalso;
  match goal with
  | E : held (?b = false) |- _ => let T := fresh in assert (T : b = true) by choose; unfold held in E; congruence
  | H : held (~ _) |- _ => unfold held in H; apply H; clear H; choose
  end.

Ltac outside := let N := fresh in intro N; take_conjunctions; take_places; refute.

Ltac by_premise := lazymatch goal with |- _ /\ _ => split; by_premise | |- ~ _ => outside | _ => lia end.

(* What an instance of a constraint says of a place that isn't in a table. *)
Ltac use_outside H := unfold held in H; specialize (H ltac:(by_premise)); sure_cases H; congruence.

Ltac by_instance_of_table :=
  match goal with
  | _ : held (_ = false), H : held (_ -> _ = _) |- _ => use_outside H
  | _ : held (_ = false) |- _ => fail 1
  | _ : held (_ -> _) |- _ => subst; by_instance
  end.

Ltac by_table :=
  has_table; hold_instances; hold_tables; take_places; take_tables;
  first
  [ reflexivity
  | right; reflexivity
  | solve [left; choose]
  | solve [refute]
  | solve [by_instance_of_table]
  | solve [f_equal; lia]
  | repeat take_case_of_goal; take_alternatives; try (exfalso; lia); subst; choose ].

(* By all facts, and all cases that they leave. *)
Ltac settle :=
  first
  [ solve [align; first [congruence | lra]]
  | exfalso; use_remainders; lia
  | repeat match goal with H : ?P |- _ => has_entries P; revert H end; take_piece_of_read; intros; settle ].

Ltac by_facts := repeat take_case_of_goal; repeat first [use_facts | take_case_of_facts]; settle.

Ltac by_equality := first [reflexivity | solve [decide_cases; reflexivity] | solve [by_instance] | by_facts].

Ltac finish :=
  lazymatch goal with
  | |- ?P =>
      tryif has_entries P then
        lazymatch P with
        | _ /\ _ => split; finish
        | ?A \/ _ =>
            tryif has_entries A then
              (repeat first [use_facts | take_case_of_facts]; first [left; finish | right; finish])
            else first [left; (repeat take_case_of_goal); by_integers | decide_integers A; [left; assumption | right; finish]]
        | _ -> _ => intro; finish
        | ~ _ => intro; finish
        | _ => by_equality
        end
      else (repeat take_case_of_goal; first [by_integers | by_facts])
  end.

(* ---- Integers alone: functions of them become letters, and which case of one holds is asked where a claim names it. ---- *)

Definition cases_of (v : Z) (P : Prop) : Prop := P.

(* A remainder is a letter with its operands beside it: equal operands make equal letters. Of an extreme the cases say as much. *)
Definition value_of (v : Z) (f : Z -> Z -> Z) (x y : Z) : Prop := v = f x y.

Lemma equal_values (f : Z -> Z -> Z) (v w x y s t : Z) : value_of v f x y -> value_of w f s t -> x = s /\ y = t -> w = v.
Proof. unfold value_of. intros ? ? [? ?]. congruence. Qed.

Lemma quotient_of (x : Z) (p : positive) : Zpos p * (x / Zpos p) <= x < Zpos p * (x / Zpos p) + Zpos p.
Proof. pose proof (Z.div_mod x (Zpos p)). pose proof (Z.mod_pos_bound x (Zpos p)). lia. Qed.

Lemma cycle_of (x n : Z) : (1 <= n -> 0 <= x mod n < n) /\ cases_of (x mod n) (remainder x n (x mod n)).
Proof. split; [ | apply remainder_of]. intros. apply Z.mod_pos_bound. lia. Qed.

Definition cycle (x y : Z) : Z := x mod Z.max 1 y.

Definition reflect (x n : Z) : Z := Z.min (Z.max 1 (2 * n - 2) - cycle x (2 * n - 2)) (cycle x (2 * n - 2)).

(* A place of a reflecting axis: it comes back at the first and the last cell. *)
Definition reflected (x n r : Z) : Prop :=
  1 <= n -> (0 <= x < n -> r = x) /\ (- n < x <= 0 -> r = - x) /\ (n - 1 <= x <= 2 * n - 2 -> r = 2 * n - 2 - x).

Lemma reflection_of (x n : Z) :
  let r := Z.min (Z.max 1 (2 * n - 2) - x mod Z.max 1 (2 * n - 2)) (x mod Z.max 1 (2 * n - 2)) in
  (1 <= n -> 0 <= r < n) /\ cases_of r (reflected x n r).
Proof.
  intros r. subst r. pose proof (remainder_of x (Z.max 1 (2 * n - 2))) as R.
  pose proof (Z.mod_pos_bound x (Z.max 1 (2 * n - 2))). set (p := Z.max 1 (2 * n - 2)) in *. set (r := x mod p) in *.
  clearbody r. assert (p = 1 \/ p = 2 * n - 2) by lia. assert (1 <= p /\ 2 * n - 2 <= p) by lia. clearbody p.
  unfold remainder in R. destruct R as [? [? [? ?]]]; [lia | ].
  unfold cases_of, reflected. split; [ | intros; split; [ | split]]; lia.
Qed.

Definition symmetric (x p : Z) : Z := Z.min (p - 1 - x mod p) (x mod p).

(* A place of a symmetric axis of half that period: it comes back behind the first and the last cell. *)
Definition mirrored (x p r : Z) : Prop :=
  1 <= p -> (0 <= 2 * x < p -> r = x) /\ (- p <= 2 * x < 0 -> r = - 1 - x) /\ (p <= 2 * x < 2 * p -> r = p - 1 - x).

Lemma symmetry_of (x p : Z) :
  let r := Z.min (p - 1 - x mod p) (x mod p) in (1 <= p -> 0 <= 2 * r < p) /\ cases_of r (mirrored x p r).
Proof.
  intros r. subst r. pose proof (remainder_of x p) as R. pose proof (Z.mod_pos_bound x p).
  set (r := x mod p) in *. clearbody r. unfold remainder in R. unfold cases_of, mirrored.
  split; intros; (destruct R as [? [? [? ?]]]; [lia | ]); [ | split; [ | split]]; lia.
Qed.

Lemma period_of (x y : Z) :
  0 <= x mod Z.max 1 y /\ cases_of (x mod Z.max 1 y) (x mod Z.max 1 y = 0 \/ x mod Z.max 1 y < y).
Proof. pose proof (Z.mod_pos_bound x (Z.max 1 y)). unfold cases_of. lia. Qed.

Lemma maximum_of (x y : Z) :
  (x <= Z.max x y /\ y <= Z.max x y) /\ cases_of (Z.max x y) (Z.max x y = x \/ Z.max x y = y).
Proof. unfold cases_of. lia. Qed.

Lemma minimum_of (x y : Z) :
  (Z.min x y <= x /\ Z.min x y <= y) /\ cases_of (Z.min x y) (Z.min x y = x \/ Z.min x y = y).
Proof. unfold cases_of. lia. Qed.

Lemma magnitude_of (x : Z) :
  (0 <= Z.abs x /\ x <= Z.abs x /\ - x <= Z.abs x) /\ cases_of (Z.abs x) (Z.abs x = x \/ Z.abs x = - x).
Proof. unfold cases_of. lia. Qed.

Lemma choice_of (b : bool) (P R : Prop) (x y : Z) :
  Bool.reflect P b -> (~ P -> R) ->
  True /\ cases_of (if b then x else y) (P /\ (if b then x else y) = x \/ R /\ (if b then x else y) = y).
Proof. intros [p | p] r; split; unfold cases_of; auto. Qed.

Lemma positive_magnitude (x : Z) : 1 <= x -> Z.abs x = x.
Proof. lia. Qed.

Ltac name_value e known :=
  let F := fresh in let C := fresh in let v := fresh "v" in
  generalize e, (proj1 known), (proj2 known); intros v F C.

Ltac name_nonlinear e f x y known :=
  let E := fresh in let F := fresh in let C := fresh in let v := fresh "v" in
  generalize e, (proj1 known), (proj2 known), (eq_refl : value_of e f x y); intros v F C E.

Ltac name_choice b P R x y spec := is_plain x; is_plain y; name_value (if b then x else y) (choice_of b P R x y spec ltac:(lia)).

Ltac name_quotient x p :=
  let F := fresh in let q := fresh "q" in
  generalize (x / Zpos p), (quotient_of x p); intros q F.

Ltac name_function :=
  match goal with
  | |- context [Z.min (Z.max 1 (2 * ?n - 2) - ?x mod Z.max 1 (2 * ?n - 2)) (?x mod Z.max 1 (2 * ?n - 2))] =>
      is_plain x;
      name_nonlinear
        (Z.min (Z.max 1 (2 * n - 2) - x mod Z.max 1 (2 * n - 2)) (x mod Z.max 1 (2 * n - 2)))
        reflect x n (reflection_of x n)
  | |- context [Z.min (?p - 1 - ?x mod ?p) (?x mod ?p)] =>
      is_plain x; is_plain p; name_nonlinear (Z.min (p - 1 - x mod p) (x mod p)) symmetric x p (symmetry_of x p)
  | |- context [?x mod Z.max 1 ?y] => is_plain x; is_plain y; name_nonlinear (x mod Z.max 1 y) cycle x y (period_of x y)
  | |- context [Z.max ?x ?y] => is_plain x; is_plain y; name_value (Z.max x y) (maximum_of x y)
  | |- context [Z.min ?x ?y] => is_plain x; is_plain y; name_value (Z.min x y) (minimum_of x y)
  | |- context [?x mod Zpos ?p] => is_plain x; name_division x p
  | |- context [?x / Zpos ?p] => is_plain x; name_quotient x p
  | |- context [?x mod ?n] => is_plain x; is_plain n; by_a_size n; name_nonlinear (x mod n) Z.modulo x n (cycle_of x n)
  | |- context [if ?x <=? ?y then ?u else ?w] => is_plain x; is_plain y; name_choice (x <=? y) (x <= y) (y < x) u w (Z.leb_spec0 x y)
  | |- context [if ?x <? ?y then ?u else ?w] => is_plain x; is_plain y; name_choice (x <? y) (x < y) (y <= x) u w (Z.ltb_spec0 x y)
  | |- context [if ?x =? ?y then ?u else ?w] => is_plain x; is_plain y; name_choice (x =? y) (x = y) (x <> y) u w (Z.eqb_spec x y)
  end.

Ltac name_magnitude :=
  match goal with
  | H : 0 <= ?x |- context [Z.abs ?x] => rewrite (Z.abs_eq x H)
  | H : 1 <= ?x |- context [Z.abs ?x] => rewrite (positive_magnitude x H)
  | |- context [Z.abs ?x] => is_plain x; name_value (Z.abs x) (magnitude_of x)
  end.

(* A fact that is one of several is out of sight of `lia` until the others don't suffice. *)
Definition alternative (P : Prop) : Prop := P.

Ltac hide_alternatives :=
  repeat match goal with
  | F : 1 <= ?n -> _, H : 1 <= ?n |- _ => specialize (F H)
  | F : 1 <= _ * ?n -> _, H : 1 <= ?n |- _ => specialize (F ltac:(clear - H; lia))
  | H : ~ (?P /\ ?Q) |- _ => change (alternative (~ (P /\ Q))) in H
  | H : ?P \/ ?Q |- _ => change (alternative (P \/ Q)) in H
  end.

Ltac show_alternatives := progress unfold alternative in *.

Ltac equate_values :=
  repeat match goal with
  | E : value_of ?v ?f ?x ?y, F : value_of ?w ?f ?s ?t |- _ =>
      let W := fresh in
      assert (W : w = v) by (apply (equal_values f v w x y s t E F); xlia zchecker); clear F; subst w
  end.

(* Of two numbers one is what a claim names, and how the other compares with it may matter. *)
Definition beside (x y : Z) : Prop := True.

Ltac take_cases H v :=
  unfold cases_of in H;
  lazymatch type of H with
  | v = ?x \/ v = ?y => pose proof (I : beside x y); destruct H; subst v
  | _ /\ _ \/ _ /\ _ => destruct H as [[? ?] | [? ?]]; subst v
  | v = _ \/ v < _ => destruct H
  | remainder _ _ _ => unfold remainder in H
  | reflected _ _ _ => unfold reflected in H
  | mirrored _ _ _ => unfold mirrored in H
  end.

Ltac by_cases :=
  lazymatch goal with
  | |- _ /\ _ => first [xlia zchecker | split; by_each]
  | _ => by_each
  end
with by_each :=
  lazymatch goal with
  | |- _ /\ _ => split; by_each
  | _ =>
      first
      [ xlia zchecker
      | lazymatch goal with
        | H : cases_of ?v _ |- context [?v] => take_cases H v
        | H : cases_of ?v _, _ : beside ?v _ |- _ => take_cases H v
        | H : cases_of ?v _, _ : beside _ ?v |- _ => take_cases H v
        | _ => show_alternatives
        end;
        by_each ]
  end.

Ltac intro_letters := repeat match goal with |- forall x : ?T, _ => lazymatch type of T with Prop => fail | _ => intro x end end.

(* Succeeds where every letter is an integer: no entries are spoken of. *)
Ltac of_integers := tryif match goal with _ : ?T |- _ => tryif constr_eq T Z then fail else idtac end then fail else idtac.

Ltac by_letters := repeat name_function; intros; hide_alternatives; equate_values; repeat first [name_magnitude | name_function]; by_cases.

(* Integers alone: of each place of a table, which places of another it is. *)

Ltac take_extreme spec := let E := fresh in destruct spec as [[? E] | [? E]]; rewrite E in *; clear E; try (exfalso; lia).

Ltac take_extreme_of P :=
  match P with
  | context [Z.min ?x ?y] => is_plain x; is_plain y; take_extreme (Z.min_spec x y)
  | context [Z.max ?x ?y] => is_plain x; is_plain y; take_extreme (Z.max_spec x y)
  | context [Z.abs ?x] => is_plain x; take_extreme (Z.abs_spec x)
  end.

Ltac take_extremes := repeat match goal with H : ?P |- _ => take_extreme_of P | |- ?P => take_extreme_of P end.

Ltac by_places :=
  lazymatch goal with |- context [_ \/ _] => idtac end;
  intros; lazymatch goal with |- ?P => is_listed P end; match goal with _ : ?P \/ _ |- _ => is_place P end;
  take_places; take_extremes; choose.

(* Quotients and remainders by numbers become letters once, with what is known of them: no `lia` after it looks for them. *)
Ltac name_divisions :=
  repeat match goal with
  | |- context [?x mod Zpos ?p] => is_plain x; name_division x p
  | |- context [?x / Zpos ?p] => is_plain x; name_division x p
  end.

Ltac has_instance := match goal with _ : held _ |- _ => idtac end.

Ltac by_witness :=
  intro_letters;
  first
  [ of_integers; first [solve [by_places] | solve [by_letters]]
  | solve [intros; repeat split; match goal with |- Qeq _ _ => lra end]
  | name_divisions; intros; name_remainders;
    first
    [ solve [by_table]
    | solve [hold_instances; has_instance; by_instance]
    | solve [take_bounds; finish]
    | each_value; first [reflexivity | solve [hold_instances; has_instance; by_instance] | take_bounds; finish] ] ].
