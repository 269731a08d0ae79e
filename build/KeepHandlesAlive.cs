using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
using Mono.Cecil;
using Mono.Cecil.Cil;

/// <summary>
/// Writes a TorchSharp.dll whose methods keep what they work on alive until they return. TorchSharp reads the native pointer of a scalar or tensor and calls
/// libtorch with it; from there on nothing refers to the object, so that a collection by another thread may finalise it, and free it, while libtorch reads it
/// ("Expected false to be true, but got false"). Every number that is converted in passing is such an object: x.mul(0.5).
/// </summary>
public class KeepHandlesAlive : Task
{
    private static readonly HashSet<string> _owners = new HashSet<string> { "TorchSharp.Scalar", "TorchSharp.torch/Tensor", "TorchSharp.torch/Generator" };

    [Required]
    public string Assembly { get; set; }

    [Required]
    public string Output { get; set; }

    public override bool Execute()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Output));
        string temporary = Output + "." + Guid.NewGuid().ToString("N");
        int changed = 0;
        using (ModuleDefinition module = ModuleDefinition.ReadModule(Assembly))
        {
            TypeReference collector = module.GetTypeReferences().First(type => type.FullName == "System.GC");
            MethodReference keep = new MethodReference("KeepAlive", module.TypeSystem.Void, collector);
            keep.Parameters.Add(new ParameterDefinition(module.TypeSystem.Object));
            foreach (MethodDefinition method in module.GetTypes().SelectMany(type => type.Methods).Where(method => method.HasBody && CallsNative(method)))
            {
                changed += Change(method, keep) ? 1 : 0;
            }

            module.Write(temporary);
        }

        if (changed == 0)
        {
            File.Delete(temporary);
            Log.LogError("{0} has no method that passes handles to libtorch; look at build/KeepHandlesAlive.cs.", Assembly);
            return false;
        }

        Move(temporary);
        Log.LogMessage(MessageImportance.Normal, "{0}: {1} methods keep their handles alive.", Output, changed);
        return true;
    }

    // Projects that are built side by side share the file.
    private void Move(string temporary)
    {
        try
        {
            File.Move(temporary, Output);
        }
        catch (IOException) when (File.Exists(Output))
        {
            File.Replace(temporary, Output, null);
        }
    }

    private static bool CallsNative(MethodDefinition method)
        => Calls(method).Any(call => ((MethodReference)call.Operand).Resolve()?.IsPInvokeImpl == true);

    private static IEnumerable<Instruction> Calls(MethodDefinition method)
        => method.Body.Instructions.Where(
            step => (step.OpCode.Code == Code.Call || step.OpCode.Code == Code.Callvirt) && ((MethodReference)step.Operand).DeclaringType.Scope is ModuleDefinition);

    private static bool ReadsHandle(Instruction call)
    {
        MethodReference called = (MethodReference)call.Operand;
        return called.Name == "get_Handle" && _owners.Contains(called.DeclaringType.FullName);
    }

    // What is put between a short branch and its target might be too much for it.
    private static void LengthenBranches(MethodBody body)
    {
        foreach (Instruction step in body.Instructions.Where(step => step.OpCode.OperandType == OperandType.ShortInlineBrTarget))
        {
            string name = step.OpCode.Code.ToString();
            step.OpCode = (OpCode)typeof(OpCodes).GetField(name.Substring(0, name.Length - "_S".Length)).GetValue(null);
        }
    }

    private static bool Change(MethodDefinition method, MethodReference keep)
    {
        MethodBody body = method.Body;
        List<Instruction> reads = Calls(method).Where(ReadsHandle).ToList();
        List<ParameterDefinition> parameters = method.Parameters
            .Where(parameter => !parameter.ParameterType.IsByReference && !parameter.ParameterType.IsGenericParameter && !parameter.ParameterType.IsPointer
                && !parameter.ParameterType.IsValueType)
            .ToList();
        bool self = method.HasThis && !method.DeclaringType.IsValueType && !method.IsConstructor;
        if (reads.Count == 0 && parameters.Count == 0 && !self)
        {
            return false;
        }

        LengthenBranches(body);
        body.InitLocals = true;
        ILProcessor il = body.GetILProcessor();
        List<Instruction> loads = parameters.Select(parameter => il.Create(OpCodes.Ldarg, parameter)).ToList();
        if (self)
        {
            loads.Add(il.Create(OpCodes.Ldarg, body.ThisParameter));
        }

        // The steps themselves are changed, so that jumps to them stay right.
        foreach (Instruction read in reads)
        {
            MethodReference called = (MethodReference)read.Operand;
            OpCode code = read.OpCode;
            VariableDefinition kept = new VariableDefinition(called.DeclaringType);
            body.Variables.Add(kept);
            loads.Add(il.Create(OpCodes.Ldloc, kept));
            (read.OpCode, read.Operand) = (OpCodes.Dup, null);
            Instruction store = il.Create(OpCodes.Stloc, kept);
            il.InsertAfter(read, store);
            il.InsertAfter(store, il.Create(code, called));
        }

        foreach (Instruction end in body.Instructions.Where(step => step.OpCode.Code == Code.Ret).ToList())
        {
            Instruction last = end;
            foreach (Instruction load in loads)
            {
                if (last == end)
                {
                    (end.OpCode, end.Operand) = (load.OpCode, load.Operand);
                }
                else
                {
                    Instruction next = Instruction.Create(OpCodes.Nop);
                    (next.OpCode, next.Operand) = (load.OpCode, load.Operand);
                    il.InsertAfter(last, next);
                    last = next;
                }

                Instruction call = il.Create(OpCodes.Call, keep);
                il.InsertAfter(last, call);
                last = call;
            }

            il.InsertAfter(last, il.Create(OpCodes.Ret));
        }

        return true;
    }
}
